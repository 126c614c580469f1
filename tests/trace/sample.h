#pragma once

#include "trace/trace.h"

namespace foreseed {

/// A small failed trace with something of everything.
inline Trace sample_trace() {
  Trace t;
  t.program = "prog";
  t.build_id = "0123abcd";
  t.scenario = "two_writers";
  t.seed = 0xffff'ffff'ffff'fffeull;
  t.steps_per_instant_max = 1000;
  t.memory = MemoryModel::c11;
  t.fingerprint = 0x8000'0000'0000'0001ull;
  t.virtual_ns = 1'500'000;
  t.steps = 3;
  t.failed = true;
  t.finding = {FindingKind::data_race, "data race: write by T1 and read by main", 1'500'000, 3,
               {{1, "write", 1}, {0, "previous read", 2}}, "a detail\nanother"};
  t.choices = {{1, 2, 5, ChoiceKind::schedule, 0}, {0xffff'ffff, 0, 59, ChoiceKind::entropy, 1}};
  t.frames = {{"", 0x1234, "writer()", "a.cc", 7, true}, {"libc.so.6", 0x99, "", "", 0, false},
              {"", 0x2234, "reader()", "dir/b.cc", 9, true}};
  t.stacks = {{}, {1, 0}, {2}};
  t.texts = {"", "a note \x1b[31m"};
  t.tasks = {"main", "T1"};
  t.objects = {"", "mutex#1"};
  t.events = {{0, 1, 0, Op::task_start, 0, 0, 0, 0},
              {1000, 2, 1, Op::mutex_lock, 1, -110, 1, 0},
              {1'500'000, 3, 0, Op::note, 0, 0, 2, 1}};
  t.hosts = {"client", "server"};
  t.task_hosts = {0, 1};
  t.choice_steps = {2, 4};
  t.waits = {{500, 1, 1, Op::mutex_lock, 1, 1}, {1000, 2, 0, Op::thread_join, 1, 2}};
  t.orders = {{1, 2}, {2, 3}};
  t.messages = {{1000, 2, 1, 1, 0, Message::duplicate | Message::late, "datagram", 12, 0, true, 1'400'000, 2, 1},
                {1000, 3, Message::no_task, 0, 1, 0, "refused", 0, 2, false, 0, 0, 0}};
  return t;
}

}  // namespace foreseed
