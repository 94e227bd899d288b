# How every file is compiled: target zvm_compile, which all other targets link.

find_package(Threads REQUIRED)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # so that libzvm.a also fits into a host's shared object
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
# project() has made it already, empty.
if(NOT CMAKE_C_FLAGS_CHECKED)
    set(CMAKE_C_FLAGS_CHECKED "-O1 -g -fno-omit-frame-pointer")
endif()

add_library(zvm_compile INTERFACE)
target_compile_definitions(zvm_compile INTERFACE _GNU_SOURCE ZVM_DEBUG=${ZVM_DEBUG})
target_compile_options(zvm_compile INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    $<$<BOOL:${ZVM_WERROR}>:-Werror>)
target_include_directories(zvm_compile INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(zvm_compile INTERFACE Threads::Threads m)

foreach(option GC_STRESS TINY POISON)
    if(ZVM_${option})
        target_compile_definitions(zvm_compile INTERFACE ZVM_${option}=1)
    endif()
endforeach()

# Probes are notes in the file and a nop each: no library is needed, and none at run time.
include(CheckIncludeFile)
check_include_file(sys/sdt.h ZVM_HAS_SDT)
if(ZVM_USDT STREQUAL "AUTO")
    set(with_probes ${ZVM_HAS_SDT})
else()
    set(with_probes ${ZVM_USDT})
endif()
if(with_probes AND NOT ZVM_HAS_SDT)
    message(FATAL_ERROR "ZVM_USDT is ON, and <sys/sdt.h> is missing (package systemtap-sdt-dev)")
elseif(with_probes)
    target_compile_definitions(zvm_compile INTERFACE ZVM_USDT=1)
endif()

if(NOT ZVM_PROFILES)
    target_compile_definitions(zvm_compile INTERFACE ZVM_WITHOUT_PROFILES=1)
endif()

if(ZVM_FUZZ)
    # Without tracing of comparisons: it took a quarter of the time, and our own mutators know the words.
    target_compile_options(zvm_compile INTERFACE -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp)
endif()

if(ZVM_COVERAGE)
    # Atomic: a branch is often counted as a difference, and what threads lose of one side hides it.
    target_compile_options(zvm_compile INTERFACE -fprofile-instr-generate -fcoverage-mapping
        -fprofile-update=atomic)
    target_link_options(zvm_compile INTERFACE -fprofile-instr-generate)
endif()

if(ZVM_SANITIZE)
    target_compile_options(zvm_compile INTERFACE -fsanitize=${ZVM_SANITIZE})
    target_link_options(zvm_compile INTERFACE -fsanitize=${ZVM_SANITIZE})
    if(ZVM_SANITIZE MATCHES undefined)
        target_compile_options(zvm_compile INTERFACE -fno-sanitize-recover=all)
    endif()
    if(ZVM_SANITIZE MATCHES thread)
        # ConcurrencyKit's structures hold double words.
        target_compile_options(zvm_compile INTERFACE $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-mcx16>)
    endif()
elseif(CMAKE_BUILD_TYPE STREQUAL Release)
    # Hardening that no benchmark of ours can tell: the interpreter's own frame has no array to guard.
    target_compile_options(zvm_compile INTERFACE -fstack-protector-strong)
    target_compile_definitions(zvm_compile INTERFACE _FORTIFY_SOURCE=2)
    target_link_options(zvm_compile INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
