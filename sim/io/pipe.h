#pragma once
// Pipes, as in pipe(7): 64 KiB of bytes or as many as F_SETPIPE_SZ says; writes of up to PIPE_BUF bytes stay whole.

#include <string>

#include "io/description.h"

namespace foreseed::io {

inline constexpr std::size_t default_pipe_capacity = 64 * 1024;
inline constexpr std::size_t pipe_capacity_max = 1024 * 1024;  ///< for an unprivileged process

struct PipeEnd : Description {
  explicit PipeEnd(bool is_reader) : Description(Kind::pipe, "pipe"), reader(is_reader) {}
  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  short readiness() const override;
  std::size_t unread() const override { return reader ? bytes.size() : 0; }
  long control(int command, long argument) override;
  void closed() override { other->changed(); }

  const bool reader;
  PipeEnd* other = nullptr;
  std::string bytes;  ///< in the pipe; kept by the reading end
  std::size_t capacity = default_pipe_capacity;  ///< kept by the reading end
  VectorClock clock;  ///< what the writers knew; kept by the reading end
};

/// pipe2(2): descriptors of the reading and the writing end.
long open_pipe(int descriptors[2], bool nonblocking);

/// A write that nobody can ever read: ends the run as the signal SIGPIPE would, unless it is ignored or handled.
void broken_pipe();

}  // namespace foreseed::io
