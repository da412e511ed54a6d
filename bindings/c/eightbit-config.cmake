# find_package(eightbit) gives the targets eightbit::eightbit, the shared library, and eightbit::static.
get_filename_component(_eightbit_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
find_package(Threads REQUIRED)
if(NOT TARGET eightbit::eightbit)
  add_library(eightbit::eightbit SHARED IMPORTED)
  set_target_properties(eightbit::eightbit PROPERTIES
    IMPORTED_LOCATION "${_eightbit_prefix}/lib/libeightbit_c.so"
    IMPORTED_SONAME "libeightbit_c.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_eightbit_prefix}/include")
  add_library(eightbit::static STATIC IMPORTED)
  set_target_properties(eightbit::static PROPERTIES
    IMPORTED_LOCATION "${_eightbit_prefix}/lib/libeightbit_c.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_eightbit_prefix}/include"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
