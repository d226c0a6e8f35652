# Every third-party library, in one place. All of them are Debian packages (see packages.txt).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(lzma REQUIRED IMPORTED_TARGET liblzma)
find_package(BZip2 REQUIRED)  # has no pkg-config file in Debian 12
pkg_check_modules(fuse3 REQUIRED IMPORTED_TARGET fuse3)
pkg_check_modules(isal REQUIRED libisal)  # its headers: the library is loaded when gzip is read
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(systemd REQUIRED libsystemd)  # its headers: the library is loaded when a limit is asked for
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(yamlcpp REQUIRED IMPORTED_TARGET yaml-cpp)
find_package(fmt REQUIRED)
# clang spells a name of the library otherwise than the g++ that built it: presets tidy and fuzz compile fmt along. So
# does who links libraries in, where base/fmt_library does not know the version.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR (ECRIN_LINK_IN AND NOT fmt_VERSION MATCHES "^9\\."))
  set(ECRIN_FMT fmt::fmt-header-only)
elseif(ECRIN_LINK_IN)
  # Debian has a shared library only, so base/fmt_library is in its place.
  set(ECRIN_FMT ecrin_fmt)
  add_library(ecrin_fmt INTERFACE)
  target_compile_definitions(ecrin_fmt INTERFACE $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>)
else()
  set(ECRIN_FMT fmt::fmt)
endif()
find_package(nlohmann_json REQUIRED)

# A start is over in milliseconds, and half of what the loader does in it is looking up the names of C++ libraries.
# So what has an archive is linked in; what is large and seldom used is loaded late (base/late_library).
if(ECRIN_LINK_IN)
  foreach(library yamlcpp seccomp crypto zlib zstd lzma sqlite fuse3)
    get_target_property(files PkgConfig::${library} INTERFACE_LINK_LIBRARIES)
    set(archives)
    foreach(file IN LISTS files)
      string(REGEX REPLACE "\\.so$" ".a" archive "${file}")
      if(EXISTS "${archive}")
        list(APPEND archives "${archive}")
      else()
        list(APPEND archives "${file}")
      endif()
    endforeach()
    set_target_properties(PkgConfig::${library} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
  endforeach()
  string(REGEX REPLACE "\\.so$" ".a" archive "${BZIP2_LIBRARIES}")
  if(EXISTS "${archive}")
    set_target_properties(BZip2::BZip2 PROPERTIES IMPORTED_LOCATION "${archive}" IMPORTED_LOCATION_RELEASE "${archive}")
  endif()
  set_target_properties(PkgConfig::tomlplusplus PROPERTIES INTERFACE_COMPILE_OPTIONS "" INTERFACE_LINK_LIBRARIES ""
    INTERFACE_COMPILE_DEFINITIONS TOML_HEADER_ONLY=1)
  # Only the program's own names go into its table, so that a library that is loaded late finds those of its own.
  set(ECRIN_LINK_OPTIONS -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL)
  # Some 18,000 addresses of the program are moved at each start: read from a packed list, where linker and C library
  # know that.
  include(CheckCXXSourceRuns)
  set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-z,pack-relative-relocs)
  check_cxx_source_runs("const char* words[] = {\"a\", \"b\"}; int main(int count, char**) { return *words[count & 1] == 0; }"
    ECRIN_PACKED_RELOCATIONS)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(ECRIN_PACKED_RELOCATIONS)
    list(APPEND ECRIN_LINK_OPTIONS -Wl,-z,pack-relative-relocs)
  endif()
endif()
