// A library that a test loads while it runs.

extern "C" void register_loaded(int number);

namespace {

int counter = 0;

struct AtLoading {
  AtLoading() {
    counter = 42;
    register_loaded(17);
  }
} at_loading;

}  // namespace

extern "C" int count_loaded() { return ++counter; }
