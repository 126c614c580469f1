// Boost.Lockfree as it is: the queue of Michael and Scott, Treiber's stack, and a ring for one producer and one consumer.
//
// Queue and stack read a node's `next` that another thread may meanwhile have popped and be writing, as a node of the free
// list; the compare-and-set that follows fails then, by the head's tag. To C++ it is a data race all the same, and so it is
// reported (upstream: boostorg/lockfree issues 22 and 78).

#include <foreseed/scenario.h>

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/lockfree/stack.hpp>

#include <array>

#include "queue_specification.h"
#include "together.h"

namespace {

struct Queue : boost::lockfree::queue<int> {
  Queue() : boost::lockfree::queue<int>(2) {}
};

struct Ring : boost::lockfree::spsc_queue<int, boost::lockfree::capacity<4>> {};

}  // namespace

FORESEED_SCENARIO(boost_queue_one_producer, "boost::lockfree::queue, one producer and one consumer (holds)") {
  RecordedQueue<Queue> queue;
  together(
      [&] {
        queue.push(1);
        queue.push(2);
      },
      [&] {
        queue.pop();
        queue.pop();
      });
  for (int i = 0; i < 2; ++i) queue.pop();
  FORESEED_CHECK_LINEARIZABLE(queue.history());
}

FORESEED_SCENARIO(boost_queue, "the same, two threads that push and pop (fails: data race)") {
  RecordedQueue<Queue> queue;
  together(
      [&] {
        queue.push(1);
        queue.pop();
      },
      [&] {
        queue.push(2);
        queue.pop();
        queue.push(3);
      });
  for (int i = 0; i < 2; ++i) queue.pop();
  FORESEED_CHECK_LINEARIZABLE(queue.history());
}

FORESEED_SCENARIO(boost_stack_one_producer, "boost::lockfree::stack, one thread pushes and one pops (holds)") {
  boost::lockfree::stack<int> stack(2);
  stack.push(1);
  int taken[2] = {};
  together([&] { stack.push(2); },
           [&] {
             stack.pop(taken[0]);
             stack.pop(taken[1]);
           });
  int sum = taken[0] + taken[1];
  for (int value = 0; stack.pop(value);) sum += value;
  FORESEED_CHECK(sum == 3);
}

FORESEED_SCENARIO(boost_stack, "the same, two threads that pop (fails: data race)") {
  boost::lockfree::stack<int> stack(2);
  stack.push(1);
  stack.push(2);
  std::array<int, 2> taken{};
  together([&] { stack.pop(taken[0]); }, [&] { stack.pop(taken[1]); });
  FORESEED_CHECK(taken[0] + taken[1] == 3);
}

FORESEED_SCENARIO(boost_spsc_queue, "boost::lockfree::spsc_queue, one producer and one consumer (holds)") {
  RecordedQueue<Ring> ring;
  together(
      [&] {
        for (int value = 1; value <= 3; ++value) ring.push(value);
      },
      [&] {
        for (int i = 0; i < 4; ++i) ring.pop();
      });
  for (int i = 0; i < 3; ++i) ring.pop();
  FORESEED_CHECK_LINEARIZABLE(ring.history());
}

FORESEED_SCENARIO(boost_spsc_queue_two_producers, "the same with two producers (fails: data race)") {
  RecordedQueue<Ring> ring;
  together([&] { ring.push(1); }, [&] { ring.push(2); });
  ring.pop();
  ring.pop();
  FORESEED_CHECK_LINEARIZABLE(ring.history());
}
