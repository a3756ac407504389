#!/bin/sh
# A child that keeps a diary: what it is going to write it first appends to a file, so that what is
# found of it later must be the beginning of the diary. Usage: diarist.sh DIARY MODE [COUNT [CODE]]
diary=$1 mode=$2 count=${3:-0} code=${4:-0}
printf '%s %s\n' "$$" "$PROCESS_TREE_ID" >>"$diary.starts"
exec 3>>"$diary.stdout" 4>>"$diary.stderr" 5>>"$diary.pty"

say() {
  printf '%s\n' "$1" >&3
  printf '%s\n' "$1"
}

# Not text, so that it comes as base64.
complain() {
  printf '%s \377\n' "$1" >&4
  printf '%s \377\n' "$1" >&2
}

# The terminal makes a carriage return of each end of a line.
show() {
  printf '%s\r\n' "$1" >&5
  printf '%s\n' "$1"
}

i=0
case $mode in
  lines)
    while [ "$i" -lt "$count" ]; do
      i=$((i + 1))
      say "line $i: grüße, 世界"
      [ $((i % 3)) -ne 0 ] || complain "complaint $i"
      [ $((i % 12)) -ne 0 ] || sleep 0.005
    done
    ;;
  big)
    block=abcdefghijklmnop
    while [ "${#block}" -lt 8192 ]; do block=$block$block; done
    while [ "$i" -lt "$count" ]; do
      i=$((i + 1))
      say "block $i $block"
    done
    ;;
  screen)
    while [ "$i" -lt "$count" ]; do
      i=$((i + 1))
      show "screen $i"
      [ $((i % 10)) -ne 0 ] || sleep 0.01
    done
    ;;
  echo)
    while read -r line; do say "got $line"; done
    ;;
  polite)
    say ready
    sleep 60 &
    wait
    ;;
  stubborn)
    trap '' TERM
    say ready
    setsid sleep 60 &
    sleep 60 &
    wait
    ;;
  tick)
    # For itself alone, so that nothing but a signal ends it.
    while [ "$i" -lt 1000 ]; do
      i=$((i + 1))
      printf '%s\n' "tick $i" >&3
      sleep 0.05
    done
    ;;
  held)
    say 'gone soon'
    sleep 60 &
    ;;
esac
exit "$code"
