#include "memory/annotations.h"
#include "memory/fences.h"
#include "memory/heap.h"
#include "memory/install.h"
#include "memory/isolation.h"
#include "memory/leaks.h"
#include "memory/mappings.h"
#include "memory/poison.h"
#include "memory/race.h"
#include "memory/racy.h"
#include "memory/weak.h"

namespace foreseed::memory {

void install(World& world) {
  world.body_exit = check_leaks;
  world.tell_races = tell_races;
  world.fetch_stack_shadow = fetch_stack_shadow;
  world.fetch_shadow_place = fetch_shadow_place;
  world.watch_accesses = watch_accesses;
  RunHooks hooks;
  hooks.series_begin = [] {
    isolation_series_begin();
    heap_series_begin();
  };
  hooks.series_end = [] {
    heap_series_end();
    isolation_series_end();
  };
  hooks.begin = [] {
    isolation_begin_run();
    heap_begin_run();
    annotations_begin_run();  // before the races' room, which looks whether any access is ignored
    races_begin_run();
    racy_begin_run();
    forget_fences();
    weak_begin_run();
  };
  hooks.end = [] {
    weak_end_run();
    if (poisoning) forget_poison(stacks_base, World::get().task_count() * stack_stride);
    heap_end_run();
    mappings_end_run();
    isolation_end_run();
  };
  hooks.drop_clocks = forget_fences;
  hooks.fault = isolation_fault;
  world.add_hooks(hooks);
}

}  // namespace foreseed::memory
