// Starts a program over and over, waits for its ends, and prints what it took as one line of JSON:
// spawn-loop <in flight> <ms> <bytes of memory to hold> <program> [argument]...
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_IN_FLIGHT = 256, MOST_STARTS = 1 << 20 };

struct child {
  pid_t pid;
  double started_ms;
  double first_ms;
};

static struct child children[MOST_IN_FLIGHT];
// Two for each child, its stdout and its stderr; -1 when it has ended, and poll skips it.
static struct pollfd ends[2 * MOST_IN_FLIGHT];
static double first_output_ms[MOST_STARTS];
static int outputs = 0;
extern char **environ;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void require(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static void start(int slot, char **argv) {
  struct child *child = &children[slot];
  int out[2], err[2];
  child->started_ms = now_ms();
  child->first_ms = -1;
  require(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  require(posix_spawn(&child->pid, argv[0], &actions, NULL, argv, environ) == 0, "posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  ends[2 * slot] = (struct pollfd){.fd = out[0], .events = POLLIN};
  ends[2 * slot + 1] = (struct pollfd){.fd = err[0], .events = POLLIN};
}

// Reads what is there; whether the child of this end is over.
static int take(int end) {
  static char buffer[65536];
  struct child *child = &children[end / 2];
  if (read(ends[end].fd, buffer, sizeof buffer) > 0) {
    if (child->first_ms < 0) child->first_ms = now_ms() - child->started_ms;
    return 0;
  }
  close(ends[end].fd);
  ends[end].fd = -1;
  if (ends[end ^ 1].fd != -1) return 0;
  require(waitpid(child->pid, NULL, 0) == child->pid, "waitpid");
  if (child->first_ms >= 0) first_output_ms[outputs++] = child->first_ms;
  child->pid = 0;
  return 1;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  int in_flight = atoi(argv[1]);
  double ms = atof(argv[2]);
  size_t bytes = strtoul(argv[3], NULL, 10);
  require(in_flight >= 1 && in_flight <= MOST_IN_FLIGHT, "in flight");
  char *held = malloc(bytes + 1);
  require(held != NULL, "malloc");
  for (size_t at = 0; at < bytes; at += 4096) ((volatile char *)held)[at] = 1;
  for (int end = 0; end < 2 * in_flight; end += 1) ends[end].fd = -1;

  int starts = 0, running = 0;
  double cpu_before = cpu_seconds(), began = now_ms();
  for (;;) {
    for (int slot = 0; slot < in_flight; slot += 1) {
      if (children[slot].pid != 0 || now_ms() - began >= ms || starts == MOST_STARTS) continue;
      start(slot, argv + 4);
      starts += 1;
      running += 1;
    }
    if (running == 0) break;
    require(poll(ends, 2 * in_flight, -1) > 0, "poll");
    for (int end = 0; end < 2 * in_flight; end += 1) {
      if (ends[end].fd != -1 && ends[end].revents != 0) running -= take(end);
    }
  }
  printf("{\"starts\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"firstOutputMs\":[", starts,
         (now_ms() - began) / 1e3, cpu_seconds() - cpu_before);
  for (int at = 0; at < outputs; at += 1) {
    printf(at == 0 ? "%.4f" : ",%.4f", first_output_ms[at]);
  }
  printf("]}\n");
  return 0;
}
