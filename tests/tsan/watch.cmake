# watched_test(NAME LABEL COMMAND...): add_test; in the tsan preset ThreadSanitizer watches all processes of the test,
# with the options that its label asks for, so that `ctest --preset tsan -R NAME` is the same as tests/run.sh tsan.

# Programs without gRPC code: nothing is suppressed, nothing left out.
set(TSAN_ROOMS_WITHOUT_GRPC base mariadb token storage conformance config lanes auth auth_parts user)
set(TSAN_FOLDER ${CMAKE_CURRENT_LIST_DIR})

# die_after_fork: the child that a storage test forks, and kills, starts threads; there TSan reports nothing.
set(TSAN_OPTIONS second_deadlock_stack=1:die_after_fork=0)
find_program(LLVM_SYMBOLIZER_PROGRAM NAMES llvm-symbolizer-14 llvm-symbolizer)
if(LLVM_SYMBOLIZER_PROGRAM)
  string(APPEND TSAN_OPTIONS ":external_symbolizer_path=${LLVM_SYMBOLIZER_PROGRAM}")
endif()
set(TSAN_OPTIONS_WITH_GRPC ${TSAN_OPTIONS}:suppressions=${TSAN_FOLDER}/suppressions.txt)

# Not run: in some runs under TSan the prompt never hears of the signal that they send, and they hang. The cause is not
# known; TSan puts off signals that reach a thread outside the calls that it knows to wait.
set(TSAN_PROMPT_TESTS
  "ProgramTest.WhatEndsThePrompt*:ProgramTest.AnEndFromOutside*:ProgramTest.AStoppedPrompt*")

# In the file's own folder of the build, by the test's name: what TSan reported.
function(watched_test name label)
  if(NOT TESSERA_SANITIZE MATCHES "thread")
    add_test(NAME ${name} COMMAND ${ARGN})
    return()
  endif()
  add_test(NAME ${name} COMMAND ${TSAN_FOLDER}/watch.sh ${CMAKE_BINARY_DIR}/tsan-reports/${name} ${ARGN})
  tsan_options(${name} ${label})
endfunction()

# tsan_options(NAME LABEL): TSAN_OPTIONS of a test.
function(tsan_options name label)
  set(options ${TSAN_OPTIONS_WITH_GRPC})
  if(label IN_LIST TSAN_ROOMS_WITHOUT_GRPC)
    set(options ${TSAN_OPTIONS})
  endif()
  set(changes "TSAN_OPTIONS=set:${options}")
  if(label STREQUAL cli)
    list(APPEND changes "GTEST_FILTER=set:-${TSAN_PROMPT_TESTS}")
  endif()
  set_tests_properties(${name} PROPERTIES ENVIRONMENT_MODIFICATION "${changes}")
endfunction()
