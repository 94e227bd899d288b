# The tests. Labels: unit, fault, stress, embed, lang, cli, tree, model; and threads for everything
# that runs more than one thread. `ctest --preset NAME` runs all but stress.

find_library(CMOCKA_LIBRARY cmocka REQUIRED)

set(test_environment
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1"
    "BUILD=${PROJECT_BINARY_DIR}")

# ThreadSanitizer of gcc 12 and clang 14 cannot place its shadow where the kernel randomises more
# than 28 bits of an address; without randomisation it always can.
set(runner "")
if(ZVM_SANITIZE MATCHES thread AND EXISTS /proc/sys/vm/mmap_rnd_bits)
    file(READ /proc/sys/vm/mmap_rnd_bits random_bits)
    find_program(SETARCH_PROGRAM setarch)
    if(random_bits GREATER 28 AND SETARCH_PROGRAM)
        set(runner ${SETARCH_PROGRAM} ${CMAKE_SYSTEM_PROCESSOR} -R)
        execute_process(COMMAND ${runner} true RESULT_VARIABLE refused ERROR_QUIET)
        if(refused) # some containers forbid it
            set(runner "")
        endif()
    endif()
endif()

add_custom_target(thread_tests) # everything that ThreadSanitizer can find something in

# add_programs(FOLDER LABEL SECONDS LIBRARY...): each C file of the folder becomes a test of its own.
function(add_programs folder label seconds)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
    foreach(source ${sources})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE libzvm ${ARGN})
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
        set(checker "")
        if(label STREQUAL embed) # what it prints stands in its source
            set(checker tests/docs/check_example ${source})
        endif()
        add_test(NAME ${name} COMMAND ${checker} ${runner} $<TARGET_FILE:${name}>
            WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        file(STRINGS ${source} threads REGEX "pthread\\.h|sched/|zvm\\.h|zvm_runtime")
        set(labels ${label})
        if(threads OR label STREQUAL stress)
            list(APPEND labels threads)
            add_dependencies(thread_tests ${name})
        endif()
        set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${seconds}
            ENVIRONMENT "${test_environment}")
        # Tests, but not examples, may look behind the public header.
        if(NOT label STREQUAL embed)
            target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src
                ${PROJECT_SOURCE_DIR}/tests)
        endif()
    endforeach()
endfunction()

add_programs(tests/unit unit 300 ${CMOCKA_LIBRARY})
add_programs(tests/fault fault 3600 ${CMOCKA_LIBRARY}) # each allocation in turn; and collecting at each
add_programs(stress stress 900)
add_programs(examples/embed embed 300)

# The header, and an example, are C++ as well: this one of the installed library, as a host has it.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER AND TARGET zvm_shared AND NOT ZVM_SANITIZE AND NOT ZVM_COVERAGE AND NOT ZVM_FUZZ)
    enable_language(CXX)
    configure_file(examples/embed/hello.c ${PROJECT_BINARY_DIR}/examples/embed/hello.cc COPYONLY)
    add_executable(hello_cxx ${PROJECT_BINARY_DIR}/examples/embed/hello.cc)
    target_compile_options(hello_cxx PRIVATE -std=c++20 -Wall -Wpedantic -Werror)
    target_link_libraries(hello_cxx PRIVATE zvm::zvm)
    set_target_properties(hello_cxx PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples/embed)
    add_test(NAME hello_cxx COMMAND tests/docs/check_example examples/embed/hello.c $<TARGET_FILE:hello_cxx>
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(hello_cxx PROPERTIES LABELS embed TIMEOUT 300)
endif()

# ---- The models: each in the explorer (model_NAME) and on threads (native_NAME) -------------------

file(GLOB models CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/model_*.c)
set(model_includes ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/model)

# What stands in the lines "// KEY: ITEM ITEM" of a model.
function(read_lines model key out)
    file(STRINGS ${model} lines REGEX "^// ${key}: ")
    string(REGEX REPLACE "(^|;)// ${key}: " " " lines "${lines}")
    separate_arguments(lines UNIX_COMMAND "${lines}")
    set(${out} ${lines} PARENT_SCOPE)
endfunction()

# The explorer switches stacks, which sanitizers do not follow, and takes the atomic counters of branches
# for the program's: there models run on threads only.
if(NOT ZVM_SANITIZE AND NOT ZVM_COVERAGE)
    file(GLOB explorer_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/explore_*.c)
    add_library(explorer STATIC ${explorer_sources} tests/model/coroutine.c)
    target_link_libraries(explorer PUBLIC zvm_compile)
    target_include_directories(explorer PUBLIC ${model_includes})
    target_compile_definitions(explorer PUBLIC ZVM_EXPLORE)
    target_compile_options(explorer PUBLIC -O2) # in every build: its worth is in its speed
endif()

# What -fsanitize=thread puts into the sources of the project is calls of the explorer; its library
# is not linked.
function(add_explored model name sources definitions)
    add_executable(model_${name} ${model})
    target_compile_definitions(model_${name} PRIVATE ${definitions})
    target_link_libraries(model_${name} PRIVATE explorer)
    if(sources)
        add_library(model_${name}_sources OBJECT ${sources})
        target_link_libraries(model_${name}_sources PRIVATE explorer)
        target_compile_definitions(model_${name}_sources PRIVATE ${definitions})
        target_compile_options(model_${name}_sources PRIVATE -fsanitize=thread -include
            ${PROJECT_SOURCE_DIR}/tests/model/explore_pthread.h)
        target_sources(model_${name} PRIVATE $<TARGET_OBJECTS:model_${name}_sources>)
    endif()
    set_target_properties(model_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/model)
    add_test(NAME model.${name} COMMAND model_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(model.${name} PROPERTIES LABELS model TIMEOUT 300)
endfunction()

function(add_native model name sources definitions)
    add_executable(native_${name} ${model} tests/model/native_main.c ${sources})
    target_compile_definitions(native_${name} PRIVATE ${definitions})
    target_link_libraries(native_${name} PRIVATE libzvm)
    target_include_directories(native_${name} PRIVATE ${model_includes})
    set_target_properties(native_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/model)
    add_test(NAME native.${name} COMMAND ${runner} $<TARGET_FILE:native_${name}>
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(native.${name} PROPERTIES LABELS "model;threads" TIMEOUT 300
        ENVIRONMENT "${test_environment}")
    add_dependencies(thread_tests native_${name})
endfunction()

foreach(model ${models})
    get_filename_component(name ${model} NAME_WE)
    string(REGEX REPLACE "^model_" "" name ${name})
    read_lines(${model} With sources)
    list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/)
    read_lines(${model} Define definitions)
    if(TARGET explorer)
        add_explored(${model} ${name} "${sources}" "${definitions}")
    endif()
    add_native(${model} ${name} "${sources}" "${definitions}")
endforeach()

# ---- The command --------------------------------------------------------------------------------

# add_script(NAME LABEL COMMAND...)
function(add_script name label)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 1800)
endfunction()

foreach(command zvm zvm-switch zvm-tail)
    if(TARGET ${command} AND EXISTS ${PROJECT_SOURCE_DIR}/tests/lang)
        add_script(lang.${command} lang tools/lang_test $<TARGET_FILE:${command}> tests/lang
            --skip tests/lang/skip.txt)
        set_tests_properties(lang.${command} PROPERTIES ENVIRONMENT "${test_environment}")
    endif()
endforeach()

# Each program once more through its compiled form.
if(TARGET zvm)
    # Each kind of collection alone; with tiny heaps or a collection at each allocation they all happen.
    foreach(mode incremental generational)
        add_script(lang.gc_${mode} lang tools/lang_test $<TARGET_FILE:zvm> tests/lang/core
            tests/lang/data tests/lang/async --skip tests/lang/skip.txt -- --gc-mode ${mode})
    endforeach()
    # Pools so small that everything in them is evicted and used again all the time.
    add_script(lang.pools lang tools/lang_test $<TARGET_FILE:zvm> tests/lang
        --skip tests/lang/skip.txt -- --int-pool 2 --str-pool 2 --list-pool 2)
    set_tests_properties(lang.pools PROPERTIES ENVIRONMENT "${test_environment}")
    add_script(lang.zbc lang tools/lang_test $<TARGET_FILE:zvm> tests/lang
        --skip tests/lang/skip.txt --zbc)
    set_tests_properties(lang.zbc PROPERTIES ENVIRONMENT "${test_environment}")
endif()

if(NOT TARGET zvm-tail AND NOT ZVM_SANITIZE)
    add_test(NAME lang.zvm-tail COMMAND ${CMAKE_COMMAND} -E echo
        "skipped: the back end with tail calls needs clang-19")
    set_tests_properties(lang.zvm-tail PROPERTIES LABELS lang SKIP_REGULAR_EXPRESSION "^skipped")
endif()

if(TARGET zvm)
    add_script(docs.language lang tests/docs/check_language $<TARGET_FILE:zvm>)
    add_script(docs.language_self_test lang tests/docs/check_language $<TARGET_FILE:zvm> --self-test)
    set_tests_properties(docs.language docs.language_self_test PROPERTIES ENVIRONMENT
        "${test_environment}")
    file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/*.sh)
    foreach(script ${scripts})
        get_filename_component(name ${script} NAME_WE)
        add_script(cli.${name} cli bash ${script})
        set_tests_properties(cli.${name} PROPERTIES TIMEOUT 300 SKIP_REGULAR_EXPRESSION "^SKIP"
            ENVIRONMENT "${test_environment};ZVM=$<TARGET_FILE:zvm>")
    endforeach()
endif()

# ---- The documents ------------------------------------------------------------------------------

add_script(docs.example_self_test tree tests/docs/check_example --self-test)
add_script(docs.pages tree tests/docs/check_pages ${PROJECT_BINARY_DIR})
add_script(docs.pages_self_test tree tests/docs/check_pages --self-test)
add_script(docs.threading tree tools/gen_threading --check)
add_script(docs.threading_self_test tree tools/gen_threading --self-test)
if(TARGET zvm_static AND NOT ZVM_SANITIZE AND NOT ZVM_COVERAGE AND NOT ZVM_FUZZ)
    add_script(docs.snippets tree tests/docs/check_snippets $<TARGET_FILE:zvm_static>)
    add_script(docs.snippets_self_test tree tests/docs/check_snippets --self-test $<TARGET_FILE:zvm_static>)
    set_tests_properties(docs.snippets docs.snippets_self_test PROPERTIES ENVIRONMENT "CC=${CMAKE_C_COMPILER}")
endif()

add_script(docs.fresh_self_test tree tests/docs/check_fresh --self-test)
if(TARGET zvm_shared AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT ZVM_GC_STRESS AND NOT ZVM_TINY
   AND NOT ZVM_SANITIZE AND NOT ZVM_COVERAGE AND NOT ZVM_FUZZ)
    add_script(docs.fresh tree tests/docs/check_fresh ${PROJECT_BINARY_DIR})
    set_tests_properties(docs.fresh PROPERTIES TIMEOUT 3600) # with ZVM_TEST_LONG=1 it builds the tree
endif()

# ---- The tree -----------------------------------------------------------------------------------

add_script(tree.layers tree tools/check_layers)
add_script(tree.layers_self_test tree tools/check_layers --self-test)
add_script(tree.editor tree tools/check_editor)
add_script(tree.editor_self_test tree tools/check_editor --self-test)
add_script(tree.header tree tools/check_header)
add_script(tree.header_self_test tree tools/check_header --self-test)
add_script(tree.man_self_test tree tools/check_man --self-test)
if(TARGET zvm)
    add_script(tree.man tree tools/check_man $<TARGET_FILE:zvm>)
    add_script(tree.completion tree tools/completion/check $<TARGET_FILE:zvm>)
    set_tests_properties(tree.completion PROPERTIES SKIP_REGULAR_EXPRESSION "^SKIP")
endif()
add_script(tree.symbols_self_test tree tools/check_symbols --self-test)
if(NOT ZVM_SANITIZE)
    add_script(tree.symbols tree tools/check_symbols $<TARGET_FILE:libzvm>)
    set(libraries $<TARGET_FILE:zvm_static>)
    if(TARGET zvm_shared)
        list(APPEND libraries $<TARGET_FILE:zvm_shared>)
    endif()
    if(TARGET zvm_static)
        add_script(tree.symbols_product tree tools/check_symbols --product include/zvm.h ${libraries})
    endif()
endif()

# Only where the compiler optimises is there anything to see.
add_script(tree.dispatch_self_test tree tools/check_dispatch --self-test)
if(CMAKE_BUILD_TYPE STREQUAL Release AND TARGET zvm_interpreter)
    set(interpreters $<TARGET_OBJECTS:zvm_interpreter> $<TARGET_OBJECTS:zvm_interpreter-switch>)
    if(TARGET zvm-tail)
        list(APPEND interpreters ${tail_object})
    endif()
    add_test(NAME tree.dispatch COMMAND tools/check_dispatch ${interpreters}
        COMMAND_EXPAND_LISTS WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(tree.dispatch PROPERTIES LABELS tree TIMEOUT 300
        SKIP_REGULAR_EXPRESSION "^skipped")
endif()
