# Every package the project builds on, all from Debian 12.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(gRPC 1.51 CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(CURL 7.85 REQUIRED)
find_package(prometheus-cpp CONFIG QUIET)  # without it there is no tessera::guard_prometheus
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode)

# libsoci-dev ships neither a CMake config nor a .pc file. Static: the linker can then put our own
# mysql_real_connect before SOCI's call (storage/CMakeLists.txt).
find_path(SOCI_INCLUDE_DIR soci/soci.h REQUIRED)
find_library(SOCI_CORE_ARCHIVE libsoci_core.a REQUIRED)
find_library(SOCI_MYSQL_ARCHIVE libsoci_mysql.a REQUIRED)
find_library(SOCI_SQLITE3_ARCHIVE libsoci_sqlite3.a REQUIRED)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
