# Every third-party library, in one place. All of them are Debian packages (see packages.txt).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(lzma REQUIRED IMPORTED_TARGET liblzma)
find_package(BZip2 REQUIRED)  # has no pkg-config file in Debian 12
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(systemd REQUIRED libsystemd)  # its headers: the library is loaded when a limit is asked for
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(yamlcpp REQUIRED IMPORTED_TARGET yaml-cpp)
find_package(fmt REQUIRED)
# clang spells a name of the library otherwise than the g++ that built it: presets tidy and fuzz compile fmt along.
set(ECRIN_FMT $<IF:$<CXX_COMPILER_ID:Clang>,fmt::fmt-header-only,fmt::fmt>)
find_package(nlohmann_json REQUIRED)
