// Cameron Desrochers' queues as they are: for many producers and consumers, and for one of each. The former keeps the order
// of each producer only, which is not what a queue is commonly taken for.

#include <foreseed/scenario.h>

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include <array>

#include "queue_specification.h"
#include "together.h"

namespace {

struct ConcurrentQueue {
  bool push(int value) { return queue.enqueue(value); }
  bool pop(int& value) { return queue.try_dequeue(value); }
  moodycamel::ConcurrentQueue<int> queue;
};

struct ReaderWriterQueue {
  bool push(int value) { return queue.enqueue(value); }
  bool pop(int& value) { return queue.try_dequeue(value); }
  moodycamel::ReaderWriterQueue<int> queue{1};
};

}  // namespace

FORESEED_SCENARIO(concurrentqueue, "moodycamel::ConcurrentQueue, two producers and two consumers (holds)") {
  constexpr int each = 2;
  moodycamel::ConcurrentQueue<int> queue;
  std::array<int, 2 * each> taken{};
  const auto produce = [&](int producer) {
    const moodycamel::ProducerToken token(queue);
    for (int i = 0; i < each; ++i) queue.enqueue(token, producer * each + i);
  };
  const auto consume = [&](int& one, int& other) {
    one = other = -1;
    queue.try_dequeue(one);
    queue.try_dequeue(other);
    // Each producer's elements come in their order.
    FORESEED_CHECK(one < 0 || other < 0 || one / each != other / each || one < other);
  };
  together([&] { produce(0); }, [&] { produce(1); }, [&] { consume(taken[0], taken[1]); },
           [&] { consume(taken[2], taken[3]); });
  std::array<int, 2 * each> times{};
  for (const int value : taken) {
    if (value >= 0) ++times[static_cast<std::size_t>(value)];
  }
  for (int value = 0; queue.try_dequeue(value);) ++times[static_cast<std::size_t>(value)];
  for (const int count : times) FORESEED_CHECK(count == 1);
}

FORESEED_SCENARIO(concurrentqueue_implicit, "the same without tokens: one element each (holds)") {
  moodycamel::ConcurrentQueue<int> queue;
  together([&] { queue.enqueue(1); }, [&] { queue.enqueue(2); });
  int one = 0;
  int other = 0;
  FORESEED_CHECK(queue.try_dequeue(one) && queue.try_dequeue(other) && one + other == 3);
}

FORESEED_SCENARIO(concurrentqueue_taken_for_fifo, "the order of all producers, which it does not promise (fails: check)") {
  RecordedQueue<ConcurrentQueue> queue;
  together([&] { queue.push(1); },
           [&] {
             queue.push(2);
             queue.push(3);
           });
  for (int i = 0; i < 3; ++i) queue.pop();
  FORESEED_CHECK_LINEARIZABLE(queue.history());
}

FORESEED_SCENARIO(blockingconcurrentqueue, "moodycamel::BlockingConcurrentQueue: who waits is woken (holds)") {
  moodycamel::BlockingConcurrentQueue<int> queue;
  std::array<int, 2> taken{};
  together([&] { queue.wait_dequeue(taken[0]); }, [&] { queue.wait_dequeue(taken[1]); },
           [&] {
             queue.enqueue(1);
             queue.enqueue(2);
           });
  FORESEED_CHECK(taken[0] + taken[1] == 3);
}

FORESEED_SCENARIO(readerwriterqueue, "moodycamel::ReaderWriterQueue, which grows meanwhile (holds)") {
  RecordedQueue<ReaderWriterQueue> queue;
  together(
      [&] {
        for (int value = 1; value <= 4; ++value) queue.push(value);
      },
      [&] {
        for (int i = 0; i < 4; ++i) queue.pop();
      });
  for (int i = 0; i < 4; ++i) queue.pop();
  FORESEED_CHECK_LINEARIZABLE(queue.history());
}

FORESEED_SCENARIO(readerwriterqueue_two_producers, "the same with two producers (fails: its own assertion, or data race)") {
  RecordedQueue<ReaderWriterQueue> queue;
  together([&] { queue.push(1); }, [&] { queue.push(2); });
  queue.pop();
  queue.pop();
  FORESEED_CHECK_LINEARIZABLE(queue.history());
}

FORESEED_SCENARIO(readerwritercircularbuffer, "moodycamel::BlockingReaderWriterCircularBuffer, full at times (holds)") {
  moodycamel::BlockingReaderWriterCircularBuffer<int> buffer(1);
  together(
      [&] {
        for (int value = 1; value <= 3; ++value) buffer.wait_enqueue(value);
      },
      [&] {
        for (int expected = 1; expected <= 3; ++expected) {
          int value = 0;
          buffer.wait_dequeue(value);
          FORESEED_CHECK(value == expected);
        }
      });
}
