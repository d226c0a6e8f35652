#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/posix.hpp"
#include "cli/program.hpp"

int main(int argc, char** argv) {
  // Names in tar archives are bytes in UTF-8 whatever the user's language is; libarchive asks the locale.
  ::setlocale(LC_CTYPE, "C.UTF-8");
  // Large buffers go back when they are freed. Left alone, the threshold grows with the first of them, and
  // each thread's heap keeps what it had.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  // What is made for images must not depend on the user's habits.
  ::umask(022);
  // A reader that goes away is an error of a write, not the end of the process: there are mounts to take
  // down.
  ::signal(SIGPIPE, SIG_IGN);
  // With 0, 1 or 2 closed, the next file to be opened would be taken for a standard stream.
  while (true) {
    auto null = ecrin::posix::open("/dev/null", O_RDWR);
    if (!null || null->get() > 2) break;
    (void)null->release();
  }
  return ecrin::cli::run_program(argc > 0 ? argv[0] : "", {argv + (argc > 0 ? 1 : 0), argv + argc});
}
