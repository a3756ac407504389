// Prints the monotonic clock in nanoseconds and exits: end-time [ms]
// With `ms` a descendant keeps the pipes open for so long.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc > 1 && fork() == 0) {
    usleep(atoi(argv[1]) * 1000);
    _exit(0);
  }
  struct timespec now;
  char text[32];
  clock_gettime(CLOCK_MONOTONIC, &now);
  int length = snprintf(text, sizeof text, "%lld", now.tv_sec * 1000000000LL + now.tv_nsec);
  _exit(write(1, text, length) == length ? 0 : 1);
}
