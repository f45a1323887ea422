# Installation, and the CMake package `tessera`: find_package(tessera CONFIG REQUIRED) gives the targets tessera::guard
# and tessera::caller with all that they stand on, and tessera_PROTO_DIR. Component `development` holds these alone.
include(CMakePackageConfigHelpers)

set(TESSERA_LIBRARIES base token proto guard caller)
set(TESSERA_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
set(TESSERA_PROTO_INSTALL_DIR ${CMAKE_INSTALL_DATADIR}/tessera/proto)

# What other programs may include; all other headers may change at any time.
set(TESSERA_PUBLIC_HEADERS
  base/clock.h base/ids.h base/log.h base/mutex.h base/random.h base/reason.h base/secret.h
  token/algorithm.h token/base64url.h token/claims.h token/digest.h token/jwk_set.h token/key.h token/token_signer.h
  token/token_verifier.h
  guard/guard.h guard/key_source.h guard/principal.h guard/revocation_source.h guard/revocation_view.h guard/rule.h
  guard/token_cookie.h
  caller/caller.h caller/reason.h)

foreach(name IN LISTS TESSERA_LIBRARIES)
  add_library(tessera::${name} ALIAS tessera_${name})
  set_target_properties(tessera_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS tessera_${name} EXPORT tesseraTargets COMPONENT development
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(EXPORT tesseraTargets NAMESPACE tessera:: DESTINATION ${TESSERA_CMAKE_DIR} COMPONENT development)

foreach(header IN LISTS TESSERA_PUBLIC_HEADERS)
  get_filename_component(room ${header} DIRECTORY)
  install(FILES ${CMAKE_SOURCE_DIR}/client/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tessera/${room}
          COMPONENT development)
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

# pkg-config --libs --static tessera. The prefix is found from where the file lies, so that the tree can be moved.
file(RELATIVE_PATH TESSERA_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/deploy/cmake/tessera.pc.in ${CMAKE_BINARY_DIR}/package/tessera.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/tessera.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)

if(TARGET tessera_cli_program)
  install(TARGETS tessera_cli_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
