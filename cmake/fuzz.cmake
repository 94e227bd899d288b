# The fuzz targets. Each is built as fuzz/replay_NAME, with a main of our own, and replays its corpus as
# a test; with ZVM_FUZZ (the preset fuzz: clang) also as fuzz/fuzz_NAME, with libFuzzer.

# Both back ends in one library, under other names; fuzz/back_end.c chooses.
foreach(back_end goto switch)
    add_library(zvm_interpreter_fuzz_${back_end} OBJECT ${interpreter})
    target_link_libraries(zvm_interpreter_fuzz_${back_end} PUBLIC zvm_objects)
    target_compile_options(zvm_interpreter_fuzz_${back_end} PRIVATE ${interpreter_options})
    target_compile_definitions(zvm_interpreter_fuzz_${back_end} PRIVATE
        zinterp_run=zinterp_run_${back_end} $<$<STREQUAL:${back_end},switch>:ZVM_DISPATCH_SWITCH=1>)
endforeach()

add_library(zvm_both STATIC fuzz/machine.c fuzz/together.c fuzz/back_end.c $<TARGET_OBJECTS:zvm_objects>
    $<TARGET_OBJECTS:zvm_interpreter_fuzz_goto> $<TARGET_OBJECTS:zvm_interpreter_fuzz_switch>)
target_link_libraries(zvm_both PUBLIC zvm_compile ${CK_LIBRARY})
target_include_directories(zvm_both PUBLIC ${PROJECT_SOURCE_DIR}/fuzz ${PROJECT_SOURCE_DIR}/src)

# What an input reaches is what it reaches in the library; hashing and the heap's own checks say nothing.
file(GLOB uncounted ${PROJECT_SOURCE_DIR}/fuzz/*.c ${PROJECT_SOURCE_DIR}/src/heap/verify*.c
    ${PROJECT_SOURCE_DIR}/src/base/siphash.c)
if(ZVM_FUZZ)
    set_source_files_properties(${uncounted} PROPERTIES COMPILE_OPTIONS -fno-sanitize=fuzzer-no-link)
endif()

# add_fuzz_program(NAME SOURCE...)
function(add_fuzz_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE zvm_both)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()

# add_fuzz_target(NAME MUTATOR [SOURCE...]): what it looks at besides the library
function(add_fuzz_target name mutator)
    add_fuzz_program(replay_${name} fuzz/target_${name}.c fuzz/${mutator}.c fuzz/replay.c ${ARGN})
    add_script(fuzz.${name} fuzz ${runner} $<TARGET_FILE:replay_${name}> fuzz/corpus/${name})
    add_script(fuzz.${name}.changed fuzz ${runner} $<TARGET_FILE:replay_${name}> --sampled --runs 300
        fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} fuzz.${name}.changed PROPERTIES ENVIRONMENT "${test_environment}")
    if(ZVM_FUZZ)
        add_fuzz_program(fuzz_${name} fuzz/target_${name}.c fuzz/${mutator}.c ${ARGN})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    endif()
endfunction()

add_fuzz_target(source mutate_source)
add_fuzz_target(run mutate_source)
add_fuzz_target(code mutate_code)
add_fuzz_target(json mutate_json src/cli/json_read.c src/cli/json_write.c src/cli/buffer.c)
add_script(fuzz.dictionary tree tools/fuzz --check)

# What tests/fuzz/fuzz_lang asks.
add_fuzz_program(fuzz_server tests/fuzz/server.c)
# Programs with and without isolates: with threads, so under ThreadSanitizer, too.
if(TARGET zvm)
    add_script(fuzz.spawn fuzz tests/fuzz/fuzz_spawn $<TARGET_FILE:zvm> --small --count 25)
    set_tests_properties(fuzz.spawn PROPERTIES ENVIRONMENT "${test_environment}")
endif()
if(NOT ZVM_SANITIZE MATCHES thread) # one thread, and slow
    add_script(fuzz.programs fuzz tests/fuzz/fuzz_lang $<TARGET_FILE:fuzz_server> --count 60)
    set_tests_properties(fuzz.programs PROPERTIES ENVIRONMENT "${test_environment}")
endif()
