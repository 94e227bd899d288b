# What `cmake --install` copies: libraries, header, command, manual pages, completions, and what pkg-config and
# other people's CMake find it by.
include(CMakePackageConfigHelpers)

set(products zvm_static)
if(TARGET zvm_shared)
    list(APPEND products zvm_shared)
endif()
install(TARGETS ${products} EXPORT zvmTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/zvm.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET zvm)
    install(TARGETS zvm RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    # gdb loads it with the command, where gdb has the same prefix (docs/debugging.md).
    install(FILES ${PROJECT_SOURCE_DIR}/tools/gdb_zvm.py RENAME zvm-gdb.py
        DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load${CMAKE_INSTALL_FULL_BINDIR})
endif()

file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-9])
foreach(page ${pages})
    string(REGEX MATCH "[1-9]$" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/zvm.bash RENAME zvm
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/_zvm
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

# ---- CMake --------------------------------------------------------------------------------------

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/zvm)
install(EXPORT zvmTargets NAMESPACE zvm:: DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/zvmConfig.cmake.in
    ${PROJECT_BINARY_DIR}/zvmConfig.cmake INSTALL_DESTINATION ${package_folder}
    NO_SET_AND_CHECK_MACRO)
# While the version is 0.x a minor version may break hosts.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/zvmConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/zvmConfig.cmake ${PROJECT_BINARY_DIR}/zvmConfigVersion.cmake
    DESTINATION ${package_folder})

# ---- pkg-config ---------------------------------------------------------------------------------

# Written when it is installed, since only then it is known where to (`cmake --install --prefix`). A path from
# the file's own place would do without, but then `pkg-config --cflags` of a library in /usr says -I/usr/include,
# which it leaves out otherwise, and must: it changes what a compiler finds first.
foreach(name LIBDIR INCLUDEDIR)
    set(folder "\${prefix}/${CMAKE_INSTALL_${name}}")
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${name}}")
        set(folder "${CMAKE_INSTALL_${name}}")
    endif()
    string(REPLACE "\$" "\\\$" folder_${name} "${folder}")
endforeach()
set(libs_private "-lck -pthread -lm")
set(libs "")
if(NOT TARGET zvm_shared)
    set(libs " ${libs_private}") # nobody asks for --static when there is nothing else
    set(libs_private "")
endif()
install(CODE "
    set(prefix \"\${CMAKE_INSTALL_PREFIX}\")
    set(libdir \"${folder_LIBDIR}\")
    set(includedir \"${folder_INCLUDEDIR}\")
    set(version \"${PROJECT_VERSION}\")
    set(libs \"${libs}\")
    set(libs_private \"${libs_private}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/cmake/zvm.pc.in\" \"${PROJECT_BINARY_DIR}/zvm.pc\" @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/zvm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
