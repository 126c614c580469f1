#include "choice/log.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "choice/choice.h"

namespace foreseed {

static_assert(sizeof(Choice) == 16);

void* ChoiceLog::map(int sharing) {
  void* const room = mmap(nullptr, sizeof(Area) + capacity * sizeof(Choice), PROT_READ | PROT_WRITE,
                          sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return room == MAP_FAILED ? nullptr : room;
}

void* ChoiceLog::shared_room() { return map(MAP_SHARED); }

void ChoiceLog::release(void* room) { munmap(room, sizeof(Area) + capacity * sizeof(Choice)); }

std::span<const Choice> ChoiceLog::read(const void* room) {
  auto* const area = static_cast<Area*>(const_cast<void*>(room));
  return {choices(area), area->size < capacity ? area->size : capacity};
}

void ChoiceLog::use(void* room) {
  if (room == nullptr) room = map(MAP_PRIVATE);
  if (room == nullptr) {
    std::perror("foreseed: cannot map room for the choices of an execution");
    std::_Exit(70);
  }
  area_ = static_cast<Area*>(room);
}

void ChoiceLog::clear() {
  if (area_ == nullptr) use(nullptr);
  area_->size = 0;
}

void ChoiceLog::full() {
  std::fprintf(stderr, "foreseed: an execution made more than %zu choices\n", capacity);
  std::_Exit(70);
}

}  // namespace foreseed
