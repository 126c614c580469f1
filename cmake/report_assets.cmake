# foreseed_report_assets(target): compiles the report's template, style and script into the target.
set(FORESEED_REPORT_ASSETS_DIR ${CMAKE_CURRENT_LIST_DIR}/../sim/report/assets)
set(FORESEED_EMBED_REPORT ${CMAKE_CURRENT_LIST_DIR}/embed_report.cmake)

function(foreseed_report_assets target)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/report_assets.cc)
  file(GLOB assets CONFIGURE_DEPENDS ${FORESEED_REPORT_ASSETS_DIR}/*)
  add_custom_command(OUTPUT ${out}
                     COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DDIR=${FORESEED_REPORT_ASSETS_DIR} -P ${FORESEED_EMBED_REPORT}
                     DEPENDS ${assets} ${FORESEED_EMBED_REPORT}
                     COMMENT "Embedding the report's assets" VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
