# What is built from src: the library as it is installed, shared and static; and the command. For the tests,
# which look behind the header, the same objects as an archive whose names are open (libzvm-open.a), and that
# and the command again with other back ends of the interpreter: a switch and, where clang 19 is installed, tail calls. All
# other files are compiled once and shared by all of them.

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

# Of the handlers gcc would make one: crossjumping merges the dispatch jumps; handlers that begin anywhere
# make a program faster or slower by 12% with each change of another handler; vectorising the copies of
# single registers costs more than it saves; and if-conversion turns the test of the overflow flag into
# a value that is then tested (3 to 9% on integer loops).
set(interpreter_options
    $<$<C_COMPILER_ID:GNU>:-fno-crossjumping> $<$<C_COMPILER_ID:GNU>:-falign-jumps=32>
    $<$<C_COMPILER_ID:GNU>:-fno-if-conversion> $<$<C_COMPILER_ID:GNU>:-fno-if-conversion2>
    $<$<C_COMPILER_ID:GNU>:-fno-tree-slp-vectorize> $<$<C_COMPILER_ID:Clang>:-fno-slp-vectorize>)

find_library(CK_LIBRARY ck REQUIRED) # the epochs of the symbol table

add_library(zvm_objects OBJECT ${library_sources})
target_link_libraries(zvm_objects PUBLIC zvm_compile)
target_include_directories(zvm_objects PUBLIC ${PROJECT_SOURCE_DIR}/src)

# add_interpreter(SUFFIX DEFINITION...): the interpreter as target zvm_interpreter<SUFFIX>.
function(add_interpreter suffix)
    add_library(zvm_interpreter${suffix} OBJECT ${interpreter})
    target_link_libraries(zvm_interpreter${suffix} PUBLIC zvm_objects)
    target_compile_options(zvm_interpreter${suffix} PRIVATE ${interpreter_options})
    target_compile_definitions(zvm_interpreter${suffix} PRIVATE ${ARGN})
endfunction()

# add_back_end(SUFFIX OBJECT): library libzvm-open<SUFFIX>.a and command zvm<SUFFIX> with that interpreter.
function(add_back_end suffix object)
    set(objects $<TARGET_OBJECTS:zvm_objects>)
    list(APPEND objects ${object})
    add_library(libzvm${suffix} STATIC ${objects})
    set_target_properties(libzvm${suffix} PROPERTIES OUTPUT_NAME zvm-open${suffix} LINKER_LANGUAGE C)
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

# Tail calls that keep everything in registers need clang 19, whatever compiles the rest. Its object is not
# instrumented, so sanitized builds go without it.
set(tail_object ${PROJECT_BINARY_DIR}/interp-tail.o)
find_program(CLANG19_PROGRAM clang-19)

function(add_tail_interpreter)
    set(definitions "$<TARGET_PROPERTY:zvm_compile,INTERFACE_COMPILE_DEFINITIONS>")
    add_custom_command(OUTPUT ${tail_object}
        COMMAND ${CLANG19_PROGRAM} -std=c17 -O2 -g -fPIC -fvisibility=hidden -fno-slp-vectorize
            -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
            $<$<BOOL:${ZVM_WERROR}>:-Werror> "-D$<JOIN:${definitions},;-D>" -DZVM_DISPATCH_TAIL=1
            -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/src
            -MD -MF ${tail_object}.d -c ${interpreter} -o ${tail_object}
        DEPENDS ${interpreter} DEPFILE ${tail_object}.d
        COMMENT "Building the interpreter with tail calls" VERBATIM COMMAND_EXPAND_LISTS)
endfunction()

if(interpreter_at GREATER_EQUAL 0)
    add_interpreter("")
    add_back_end("" $<TARGET_OBJECTS:zvm_interpreter>)
else()
    add_back_end("" "")
endif()
if(interpreter_at GREATER_EQUAL 0 AND ZVM_TESTS)
    add_interpreter(-switch ZVM_DISPATCH_SWITCH=1)
    add_back_end(-switch $<TARGET_OBJECTS:zvm_interpreter-switch>)
    if(CLANG19_PROGRAM AND NOT ZVM_SANITIZE)
        add_tail_interpreter()
        add_back_end(-tail ${tail_object})
    endif()
endif()

# ---- The library as it is installed ---------------------------------------------------------------

# Instrumented for counting or fuzzing, it is of no use to a host.
set(ZVM_IS_INSTALLED ON)
if(ZVM_COVERAGE OR ZVM_FUZZ)
    set(ZVM_IS_INSTALLED OFF)
    return()
endif()

set(product_objects $<TARGET_OBJECTS:zvm_objects>)
if(interpreter_at GREATER_EQUAL 0)
    list(APPEND product_objects $<TARGET_OBJECTS:zvm_interpreter>)
endif()

# One object, in which only what the header declares is a name for the linker: what zvm calls its insides
# then clashes with nothing in a host. The compiler joins them, so that link-time optimisation is done on the way; and
# it takes them from the archive, since the rules of make know no single objects of another target.
separate_arguments(join_options UNIX_COMMAND "${CMAKE_C_FLAGS}")
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    list(APPEND join_options -flinker-output=nolto-rel)
endif()
set(static_object ${PROJECT_BINARY_DIR}/zvm-localised.o)
add_custom_command(OUTPUT ${static_object}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${static_object}
        ${join_options} -Wl,--whole-archive $<TARGET_FILE:libzvm> -Wl,--no-whole-archive
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${static_object}
    DEPENDS libzvm COMMENT "Joining the static library" VERBATIM COMMAND_EXPAND_LISTS)
set_source_files_properties(${static_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(zvm_static STATIC ${static_object})
set_target_properties(zvm_static PROPERTIES OUTPUT_NAME zvm LINKER_LANGUAGE C)
target_link_libraries(zvm_static INTERFACE Threads::Threads m ck)
add_library(zvm::zvm_static ALIAS zvm_static)

if(BUILD_SHARED_LIBS)
    set(version_script ${PROJECT_SOURCE_DIR}/cmake/libzvm.map)
    add_library(zvm_shared SHARED ${product_objects})
    # The number of the soname is raised by what breaks hosts that are linked already. Added functions do not, nor
    # added fields: structs begin with their size.
    set_target_properties(zvm_shared PROPERTIES OUTPUT_NAME zvm EXPORT_NAME zvm LINKER_LANGUAGE C
        VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${version_script})
    target_link_libraries(zvm_shared PRIVATE zvm_compile ck)
    target_link_options(zvm_shared PRIVATE -Wl,--version-script=${version_script})
    if(NOT ZVM_SANITIZE) # whose functions are in the program
        target_link_options(zvm_shared PRIVATE -Wl,--no-undefined)
    endif()
    add_library(zvm::zvm ALIAS zvm_shared)
else()
    add_library(zvm::zvm ALIAS zvm_static)
endif()
foreach(product zvm_static zvm_shared)
    if(TARGET ${product})
        target_include_directories(${product} INTERFACE
            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endif()
endforeach()
