# What `cmake --install` copies: library, header, command, manual page, and a file for pkg-config.

install(TARGETS libzvm ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/zvm.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET zvm)
    install(TARGETS zvm RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/docs/man/zvm.1)
    install(FILES ${PROJECT_SOURCE_DIR}/docs/man/zvm.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/zvm.pc.in ${PROJECT_BINARY_DIR}/zvm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/zvm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
