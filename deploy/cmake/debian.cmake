# The Debian packages libtessera-dev, tesserad and tessera-cli: deploy/packages.sh, or `cpack -G DEB` in a build folder.
# The files that only packages bring have absolute places; their component is in no plain `cmake --install`.
set(TESSERA_PACKAGE_CONTACT "tessera maintainers <maintainers@tessera.example>" CACHE STRING
    "Maintainer of the Debian packages that this build makes")
set(TESSERA_DEBIAN_DIR ${CMAKE_SOURCE_DIR}/deploy/debian)
set(TESSERA_DEBIAN_BUILD_DIR ${CMAKE_BINARY_DIR}/package)
set(TESSERA_DEBIAN_VERSION ${PROJECT_VERSION}-1)
find_program(GZIP_PROGRAM gzip REQUIRED)

string(TIMESTAMP TESSERA_DEBIAN_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)  # of SOURCE_DATE_EPOCH, if that is set
configure_file(${TESSERA_DEBIAN_DIR}/changelog.in ${TESSERA_DEBIAN_BUILD_DIR}/changelog.Debian @ONLY)
file(COPY_FILE ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${TESSERA_DEBIAN_BUILD_DIR}/changelog)  # an edit of it configures nothing
file(COPY_FILE ${TESSERA_DEBIAN_DIR}/tesserad.8 ${TESSERA_DEBIAN_BUILD_DIR}/tesserad.8)
file(COPY_FILE ${TESSERA_DEBIAN_DIR}/tessera.1 ${TESSERA_DEBIAN_BUILD_DIR}/tessera.1)
execute_process(COMMAND ${GZIP_PROGRAM} -9nkf changelog.Debian changelog tesserad.8 tessera.1
                WORKING_DIRECTORY ${TESSERA_DEBIAN_BUILD_DIR} COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${TESSERA_DEBIAN_BUILD_DIR}/tesserad.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT tesserad)
install(FILES ${TESSERA_DEBIAN_BUILD_DIR}/tessera.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cli)

# tessera_package(NAME COMPONENT SECTION TEXT TITLE TEXT ABOUT TEXT [DEPENDS TEXT] [RECOMMENDS TEXT]): the Debian package NAME of
# what a component installs.
function(tessera_package package component)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "TITLE;ABOUT;SECTION;DEPENDS;RECOMMENDS" "")
  string(TOUPPER ${component} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${package} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_FILE_NAME DEB-DEFAULT PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${ARG_SECTION} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${ARG_DEPENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${ARG_TITLE}\n${ARG_ABOUT}" PARENT_SCOPE)
  set(doc ${CMAKE_INSTALL_DATADIR}/doc/${package})
  install(FILES ${TESSERA_DEBIAN_DIR}/copyright ${TESSERA_DEBIAN_BUILD_DIR}/changelog.gz
                ${TESSERA_DEBIAN_BUILD_DIR}/changelog.Debian.gz
          DESTINATION ${doc} COMPONENT ${component})
endfunction()

set(TESSERA_LIBRARY_PACKAGES
  libgrpc++-dev libprotobuf-dev libabsl-dev libssl-dev protobuf-compiler protobuf-compiler-grpc)
list(JOIN TESSERA_LIBRARY_PACKAGES ", " TESSERA_LIBRARY_PACKAGES)
tessera_package(libtessera-dev development SECTION libdevel
  TITLE "authentication and authorization for gRPC services: libraries"
  ABOUT "The guard keeps every call without a good token away from the handlers of a
gRPC server. The caller gives every call of a gRPC client a live token.
Static libraries, headers, protos, CMake package and pkg-config files."
  DEPENDS "${TESSERA_LIBRARY_PACKAGES}"
  RECOMMENDS "libcurl4, prometheus-cpp-dev")
tessera_package(tesserad tesserad SECTION net
  TITLE "authentication and authorization for gRPC services: server"
  ABOUT "Logs people and programs in, issues JSON Web Tokens that services verify by
themselves, renews and revokes them, and manages users, groups and roles.
Stores in SQLite, or in MySQL or MariaDB for several replicas."
  DEPENDS "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, tzdata"
  RECOMMENDS "ca-certificates, libcurl4")
tessera_package(tessera-cli cli SECTION admin
  TITLE "authentication and authorization for gRPC services: command line"
  ABOUT "Logs in at a tessera server, manages its users, groups, roles, sessions,
service accounts and keys, inspects and verifies tokens, reads the audit trail."
  RECOMMENDS "ca-certificates")

install(DIRECTORY ${CMAKE_SOURCE_DIR}/client/docs DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libtessera-dev
        COMPONENT development FILES_MATCHING PATTERN "*.md")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/client/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libtessera-dev
        COMPONENT development FILES_MATCHING PATTERN "*.cc" PATTERN "*.h" PATTERN "*.proto" PATTERN "*.md"
        PATTERN "CMakeLists.txt")
install(FILES ${TESSERA_DEBIAN_DIR}/tesserad.README.Debian DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tesserad
        RENAME README.Debian COMPONENT tesserad)

install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/tesserad.toml DESTINATION /etc/tessera
        COMPONENT tesserad_system EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/tesserad.service DESTINATION /usr/lib/systemd/system
        COMPONENT tesserad_system EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/sysusers.conf DESTINATION /usr/lib/sysusers.d RENAME tesserad.conf
        COMPONENT tesserad_system EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/tmpfiles.conf DESTINATION /usr/lib/tmpfiles.d RENAME tesserad.conf
        COMPONENT tesserad_system EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tessera)
set(CPACK_PACKAGE_CONTACT ${TESSERA_PACKAGE_CONTACT})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_SET_DESTDIR ON)  # /etc is no part of the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL development tesserad tesserad_system cli)
set(CPACK_COMPONENT_DEVELOPMENT_GROUP development)
set(CPACK_COMPONENT_TESSERAD_GROUP tesserad)
set(CPACK_COMPONENT_TESSERAD_SYSTEM_GROUP tesserad)
set(CPACK_COMPONENT_CLI_GROUP cli)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TESSERAD_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_TESSERAD_PACKAGE_CONTROL_EXTRA
    ${TESSERA_DEBIAN_DIR}/tesserad/conffiles ${TESSERA_DEBIAN_DIR}/tesserad/postinst
    ${TESSERA_DEBIAN_DIR}/tesserad/prerm ${TESSERA_DEBIAN_DIR}/tesserad/postrm)
include(CPack)
