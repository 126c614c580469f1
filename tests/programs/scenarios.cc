// Every program as a scenario, so that the command line runs it under many seeds.

#include <foreseed/scenario.h>

#include "programs.h"

namespace {
struct RegisterAll {
  RegisterAll() {
    for (const programs::Program& program : programs::all()) {
      foreseed::Registration(foreseed::Scenario{program.name, "test program", program.run, __FILE__, __LINE__});
    }
  }
} register_all;
}  // namespace
