# Installation, the CMake package `tessera` and a .pc file for each library. Components of `cmake --install`:
# `development` (the libraries), `tesserad`, `cli`; and `tesserad_system` (unit, user, /etc), which only packages take.
include(CMakePackageConfigHelpers)

set(TESSERA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
set(TESSERA_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(TESSERA_PROTO_INSTALL_DIR ${CMAKE_INSTALL_DATADIR}/tessera/proto)

# What other programs may include; all other headers may change at any time.
set(TESSERA_PUBLIC_HEADERS
  base/clock.h base/ids.h base/log.h base/mutex.h base/random.h base/reason.h base/secret.h
  token/algorithm.h token/base64url.h token/claims.h token/digest.h token/jwk_set.h token/kept_token.h token/key.h token/token_signer.h
  token/token_verifier.h
  guard/guard.h guard/guard_options.h guard/key_set_version.h guard/key_source.h guard/principal.h guard/revocation_source.h guard/revocation_view.h guard/rule.h
  guard/token_cookie.h guard/rules_from_descriptor_set.h guard/explain.h guard/metrics.h
  guard_prometheus/guard_collector.h
  caller/caller.h caller/credentials.h caller/reason.h
  keys_from_url/keys_from_url.h
  testing/fake_clock.h testing/fake_issuer.h testing/guarded_server.h testing/token_change.h)

# tessera_library(NAME [EXTRA] [ON LIBRARY...] [FINDS PACKAGE...] [PC MODULE...] ABOUT TEXT): installs the room
# `tessera_NAME` as target tessera::NAME and module tessera-NAME, which stand on tessera's libraries ON, the CMake packages
# FINDS and the pkg-config modules PC. EXTRA: nobody has to have those packages who does not name NAME among the components
# of find_package. A room that this build does not have is left out.
set(TESSERA_LIBRARIES)
set(TESSERA_PLAIN_LIBRARIES)
set(TESSERA_FINDS)
function(tessera_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "EXTRA" "ABOUT" "ON;FINDS;PC")
  if(NOT TARGET tessera_${name})
    return()
  endif()
  foreach(below IN LISTS ARG_ON)
    list(APPEND finds ${TESSERA_FINDS_${below}})
  endforeach()
  list(APPEND finds ${ARG_FINDS})
  list(REMOVE_DUPLICATES finds)
  set(TESSERA_FINDS_${name} "${finds}" PARENT_SCOPE)
  set(TESSERA_FINDS "${TESSERA_FINDS}set(_tessera_${name}_finds \"${finds}\")\n" PARENT_SCOPE)
  set(TESSERA_LIBRARIES ${TESSERA_LIBRARIES} ${name} PARENT_SCOPE)
  if(NOT ARG_EXTRA)
    set(TESSERA_PLAIN_LIBRARIES ${TESSERA_PLAIN_LIBRARIES} ${name} PARENT_SCOPE)
  endif()

  add_library(tessera::${name} ALIAS tessera_${name})
  set_target_properties(tessera_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS tessera_${name} EXPORT tesseraTargets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)

  list(TRANSFORM ARG_ON PREPEND tessera- OUTPUT_VARIABLE requires)
  list(JOIN requires " " requires)
  list(JOIN ARG_PC " " modules)
  set(TESSERA_PC_NAME ${name})
  set(TESSERA_PC_ABOUT ${ARG_ABOUT})
  string(STRIP "${requires} ${modules}" TESSERA_PC_REQUIRES)
  file(RELATIVE_PATH TESSERA_PC_PREFIX /${TESSERA_PC_DIR} /)  # where the file lies says where the tree is: it can be moved
  string(REGEX REPLACE "/$" "" TESSERA_PC_PREFIX ${TESSERA_PC_PREFIX})
  configure_file(${CMAKE_SOURCE_DIR}/deploy/cmake/library.pc.in ${CMAKE_BINARY_DIR}/package/tessera-${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/package/tessera-${name}.pc DESTINATION ${TESSERA_PC_DIR} COMPONENT development)
endfunction()

# A library of one's own: one line here, behind those that it stands on, and its headers above.
tessera_library(base FINDS Threads "absl CONFIG" PC absl_status absl_statusor absl_strings absl_time absl_hash
                ABOUT "what all libraries of tessera share")
tessera_library(token ON base FINDS OpenSSL PC libcrypto ABOUT "access tokens: keys, signing, strict verifying")
tessera_library(proto FINDS Threads Protobuf "gRPC CONFIG" PC grpc++ protobuf ABOUT "the API of tessera, and the access option")
tessera_library(guard ON token proto ABOUT "no call reaches a handler without a token that its rule accepts")
tessera_library(guard_prometheus EXTRA ON guard FINDS "prometheus-cpp CONFIG" PC prometheus-cpp-core
                ABOUT "the metrics of a guard for prometheus-cpp")
tessera_library(http ON base ABOUT "one GET over HTTPS, by libcurl.so.4")
tessera_library(keys_from_url ON guard http ABOUT "keys for the guard from a JWK set under an https URL")
tessera_library(caller ON token proto ABOUT "every call of a gRPC client carries a live token")
tessera_library(testing ON guard ABOUT "for the tests of services alone: a fake issuer of tokens, a guarded server")

install(EXPORT tesseraTargets NAMESPACE tessera:: DESTINATION ${TESSERA_CMAKE_DIR} COMPONENT development)

foreach(header IN LISTS TESSERA_PUBLIC_HEADERS)
  get_filename_component(room ${header} DIRECTORY)
  if(TARGET tessera_${room})
    install(FILES ${CMAKE_SOURCE_DIR}/client/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tessera/${room}
            COMPONENT development)
  endif()
endforeach()
install(DIRECTORY ${CMAKE_BINARY_DIR}/gen/tessera/v1 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tessera
        COMPONENT development FILES_MATCHING PATTERN "*.pb.h")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/tessera DESTINATION ${TESSERA_PROTO_INSTALL_DIR}
        COMPONENT development FILES_MATCHING PATTERN "*.proto")

configure_package_config_file(
  ${CMAKE_SOURCE_DIR}/deploy/cmake/tesseraConfig.cmake.in ${CMAKE_BINARY_DIR}/package/tesseraConfig.cmake
  INSTALL_DESTINATION ${TESSERA_CMAKE_DIR}
  PATH_VARS TESSERA_PROTO_INSTALL_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/tesseraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/tesseraConfig.cmake ${CMAKE_BINARY_DIR}/package/tesseraConfigVersion.cmake
        DESTINATION ${TESSERA_CMAKE_DIR} COMPONENT development)

install(TARGETS tesserad RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tesserad)
install(TARGETS tessera_cli_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
include(${CMAKE_SOURCE_DIR}/deploy/cmake/debian.cmake)
