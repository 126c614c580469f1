# What a project that uses foreseed calls.
#
#   foreseed_instrument(target)                 instruments a target of yours: its atomics and plain accesses become
#                                               visible to the simulator
#   foreseed_scenario(name SOURCES a.cc b.cc    an executable with the foreseed command line over the scenarios in its
#                     [LIBRARIES lib ..])       sources
#
# A library that is not instrumented runs too: its threads, locks, clocks and sockets are simulated, its atomics and plain
# accesses are not seen.

include_guard(GLOBAL)

function(foreseed_instrument target)
  get_target_property(options ${target} COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  if("${options} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}" MATCHES "-fsanitize=[a-z,-]*address")
    # No compiler combines it with ThreadSanitizer's instrumentation: accesses beyond locals and globals are found, races
    # are not. foreseed defines what it calls.
    target_compile_options(${target} PRIVATE -g -fno-omit-frame-pointer -fno-sanitize=vptr)
    message(STATUS "foreseed_instrument(${target}): an AddressSanitizer build, in which atomics and data races are not seen")
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # clang calls its own names for these.
      target_link_options(${target} PUBLIC -Wl,--wrap=memcpy,--wrap=memmove,--wrap=memset,--wrap=memcmp
                                           -Wl,--wrap=strlen,--wrap=strcpy,--wrap=strncpy,--wrap=strcat)
    endif()
  else()
    # The compilers' ThreadSanitizer instrumentation, without its runtime: foreseed defines what it calls.
    # UBSan's check of dynamic types alone needs its own.
    target_compile_options(${target} PRIVATE -fsanitize=thread -g -fno-omit-frame-pointer -fno-sanitize=vptr)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE --param=tsan-instrument-func-entry-exit=0 -Wno-tsan)
    else()
      # clang takes a member of a local object for one that no other thread can see, whatever becomes of the object's address,
      # but not in a function that has the object from its caller.
      target_compile_options(${target} PRIVATE -mllvm -tsan-instrument-func-entry-exit=0 -fno-inline)
    endif()
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY" OR type STREQUAL "OBJECT_LIBRARY")
    target_link_libraries(${target} PUBLIC foreseed)
  else()
    target_link_libraries(${target} PRIVATE foreseed)
  endif()
endfunction()

function(foreseed_scenario name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "foreseed_scenario(${name}): no SOURCES given")
  endif()
  add_executable(${name} ${arg_SOURCES})
  foreseed_instrument(${name})
  target_link_libraries(${name} PRIVATE foreseed_main ${arg_LIBRARIES})
endfunction()
