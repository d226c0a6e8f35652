# Two INTERFACE targets that every module of ours links privately; third-party code never sees them.
add_library(ecrin_settings INTERFACE)
target_include_directories(ecrin_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(ecrin_settings INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_compile_options(ecrin_settings INTERFACE -fstack-protector-strong
  $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
if(ECRIN_SANITIZE)
  target_compile_options(ecrin_settings INTERFACE -fsanitize=${ECRIN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(ecrin_settings INTERFACE -fsanitize=${ECRIN_SANITIZE})
endif()

add_library(ecrin_warnings INTERFACE)
target_compile_options(ecrin_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
  # designated initialisers leave the rest to the members' own defaults, on purpose
  -Wno-missing-field-initializers
  # std::stable_sort itself calls what is deprecated, and clang tells it of the caller
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
  $<$<BOOL:${ECRIN_WERROR}>:-Werror>)

# ecrin_precompile(target): its files need not read again what all of them include. Not with analysers: a file that forgot
# to include something must be seen somewhere.
function(ecrin_precompile target)
  if(ECRIN_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp)
    # for ccache
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
endfunction()

# ecrin_module(name SOURCES... ) makes the static library ecrin_<name> with the alias ecrin::<name>.
function(ecrin_module name)
  add_library(ecrin_${name} STATIC ${ARGN})
  add_library(ecrin::${name} ALIAS ecrin_${name})
  target_link_libraries(ecrin_${name} PUBLIC ecrin_settings PRIVATE ecrin_warnings)
  ecrin_precompile(ecrin_${name})
endfunction()
