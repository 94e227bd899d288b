# libzvm and the command, each twice: with the interpreter's computed-goto back end (the product) and
# with its switch back end (tests only). All other files are compiled once and shared by both.

file(GLOB library_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c
     ${PROJECT_SOURCE_DIR}/src/*/*.c)
list(FILTER library_sources EXCLUDE REGEX "/src/cli/")
file(GLOB command_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.c)

# Editing, history and completion of `zvm repl` come from libedit, where it is there.
find_path(EDIT_INCLUDE histedit.h)
find_library(EDIT_LIBRARY edit)
if(EDIT_INCLUDE AND EDIT_LIBRARY)
    list(FILTER command_sources EXCLUDE REGEX "/lines_none\\.c$")
else()
    message(STATUS "libedit is missing: zvm repl will read plain lines")
    list(FILTER command_sources EXCLUDE REGEX "/lines_edit\\.c$")
endif()

set(interpreter ${PROJECT_SOURCE_DIR}/src/vm/interp.c)
list(FIND library_sources ${interpreter} interpreter_at)
list(REMOVE_ITEM library_sources ${interpreter})

# Of the handlers gcc would make one: crossjumping merges the dispatch jumps; vectorising the copies of
# single registers costs more than it saves; and if-conversion turns the test of the overflow flag into
# a value that is then tested (3 to 9% on integer loops).
set(interpreter_options
    $<$<C_COMPILER_ID:GNU>:-fno-crossjumping>
    $<$<C_COMPILER_ID:GNU>:-fno-if-conversion> $<$<C_COMPILER_ID:GNU>:-fno-if-conversion2>
    $<$<C_COMPILER_ID:GNU>:-fno-tree-slp-vectorize> $<$<C_COMPILER_ID:Clang>:-fno-slp-vectorize>)

find_library(CK_LIBRARY ck REQUIRED) # the epochs of the symbol table

add_library(zvm_objects OBJECT ${library_sources})
target_link_libraries(zvm_objects PUBLIC zvm_compile)
target_include_directories(zvm_objects PUBLIC ${PROJECT_SOURCE_DIR}/src)

# add_back_end(SUFFIX DEFINITION...): library libzvm<SUFFIX>.a and command zvm<SUFFIX>.
function(add_back_end suffix)
    set(objects $<TARGET_OBJECTS:zvm_objects>)
    if(interpreter_at GREATER_EQUAL 0)
        add_library(zvm_interpreter${suffix} OBJECT ${interpreter})
        target_link_libraries(zvm_interpreter${suffix} PUBLIC zvm_objects)
        target_compile_options(zvm_interpreter${suffix} PRIVATE ${interpreter_options})
        target_compile_definitions(zvm_interpreter${suffix} PRIVATE ${ARGN})
        list(APPEND objects $<TARGET_OBJECTS:zvm_interpreter${suffix}>)
    endif()
    add_library(libzvm${suffix} STATIC ${objects})
    set_target_properties(libzvm${suffix} PROPERTIES OUTPUT_NAME zvm${suffix} LINKER_LANGUAGE C)
    target_link_libraries(libzvm${suffix} PUBLIC zvm_compile ${CK_LIBRARY})
    if(command_sources)
        add_executable(zvm${suffix} ${command_sources})
        target_link_libraries(zvm${suffix} PRIVATE libzvm${suffix})
        if(EDIT_INCLUDE AND EDIT_LIBRARY)
            target_link_libraries(zvm${suffix} PRIVATE ${EDIT_LIBRARY})
        endif()
        # For "cli/NAME.h"; that it includes nothing else of src is what tools/check_layers sees to.
        target_include_directories(zvm${suffix} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    endif()
endfunction()

add_back_end("")
if(interpreter_at GREATER_EQUAL 0 AND ZVM_TESTS)
    add_back_end(-switch ZVM_DISPATCH_SWITCH=1)
endif()
