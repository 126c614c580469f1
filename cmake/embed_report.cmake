# Writes the report's assets as C++: cmake -DOUT=assets.cc -DDIR=sim/report/assets -P embed_report.cmake
# Hashes are of exactly the text that the page will hold between its tags.
function(quoted variable text)
  set(${variable} "R\"~~~(${text})~~~\"" PARENT_SCOPE)
endfunction()

file(READ ${DIR}/report.html shell)
file(READ ${DIR}/report.css style)
file(READ ${DIR}/foreseed_gdb.py gdb_script)
string(SHA256 style_hash "${style}")
set(script "")
set(parts "")
foreach(name model.js text.js canvas.js page.js)
  file(READ ${DIR}/${name} part)
  string(APPEND script "${part}")
  quoted(part "${part}")
  string(APPEND parts "    ${part},\n")
endforeach()
string(SHA256 script_hash "${script}")
quoted(shell "${shell}")
quoted(style "${style}")
quoted(gdb_script "${gdb_script}")
file(WRITE ${OUT} "// Made by cmake/embed_report.cmake.
#include \"report/assets.h\"

namespace foreseed::report::assets {
const char shell[] = ${shell};
const char style[] = ${style};
const char style_sha256[] = \"${style_hash}\";
const char* const script[] = {
${parts}    nullptr};
const char script_sha256[] = \"${script_hash}\";
const char gdb_script[] = ${gdb_script};
}  // namespace foreseed::report::assets
")
