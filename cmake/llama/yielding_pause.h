// yielding_pause.h - included ahead of ggml's C sources on x86: its threads wait for each other by spinning, hundreds
// of times a token. When more threads want to run than there are processors (several workers answer at once), a
// spinning thread keeps the one that it waits for from running, until its time slice ends: answers came at a thirtieth
// of the rate. So every waiting loop gives the processor away after some microseconds.
#pragma once

#include <immintrin.h>
#include <sched.h>

static inline void openpcc_pause(void) {
  static __thread unsigned rounds;
  __builtin_ia32_pause();
  if ((++rounds & 63U) == 0) {
    sched_yield();
  }
}

#define _mm_pause openpcc_pause
