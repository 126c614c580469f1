// replay --gdb: the replay of a trace in a debugger, stopped at a step.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "cli/cli.h"
#include "report/assets.h"
#include "trace/causality.h"

namespace foreseed {

void replay_in_debugger(const Options& options, const Trace& trace) {
  std::uint32_t step = options.until != 0 ? options.until : failing_step(trace);
  if (step == 0) step = static_cast<std::uint32_t>(trace.events.size());
  // gdb reads its commands from a file without a name, which ends with it.
  const int file = memfd_create("foreseed_gdb.py", 0);
  const std::string_view script = report::assets::gdb_script;
  if (file < 0 || write(file, script.data(), script.size()) != static_cast<ssize_t>(script.size())) {
    throw std::runtime_error("cannot keep the debugger's script in memory");
  }
  const std::string load = fmt::format("python exec(open('/proc/self/fd/{}').read())", file);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string until = std::to_string(step);
  const char* const arguments[] = {"gdb", "-q", "-nx", "-ex", load.c_str(), "--args", program.c_str(), "replay",
                                   options.trace.c_str(), "--db", options.database.c_str(), "--until", until.c_str(), nullptr};
  std::fflush(nullptr);
  execvp("gdb", const_cast<char* const*>(arguments));
  throw UsageError(fmt::format("gdb cannot be started: {}; install it, or use --until without --gdb", std::strerror(errno)));
}

}  // namespace foreseed
