# How every room is built: one static library each, the same warnings and sanitizers everywhere.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(tessera_build_flags INTERFACE)
target_compile_options(tessera_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TESSERA_WARNINGS_AS_ERRORS}>:-Werror>
  # GCC 12 warns of std::string's own copies once they are inlined (GCC bug 105651), and, optimising,
  # takes what a StatusOr that is not OK does not hold for uninitialised.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

if(TESSERA_SANITIZE)
  add_compile_options(-fsanitize=${TESSERA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${TESSERA_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()

# The public headers are included as <tessera/guard/guard.h> here and after installation alike.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/client ${CMAKE_BINARY_DIR}/include/tessera SYMBOLIC)

# tessera_room(NAME SOURCES... ): a static library `tessera_NAME` with the house's flags.
function(tessera_room name)
  add_library(tessera_${name} STATIC ${ARGN})
  target_link_libraries(tessera_${name} PRIVATE $<BUILD_INTERFACE:tessera_build_flags>)
  target_include_directories(tessera_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()
