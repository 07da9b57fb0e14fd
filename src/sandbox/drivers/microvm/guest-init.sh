#!/bin/busybox sh
# The first process of every microVM, run by the static busybox of the initramfs: loads the modules, finds the devices
# by name, and does what the host says on the control device, line by line. The guest is another user, in another root
# directory and in a cgroup of its own; this process and the files of the initramfs are out of its reach.
PATH=/bin
GUEST=/sys/fs/cgroup/guest

complain() {
  echo "whiskers: $1" >/dev/console
  { echo "failed $1" >&3; } 2>/dev/null
  usleep 100000
  poweroff -f
}

device() {
  tries=400
  while [ $tries -gt 0 ]; do
    for port in /sys/class/virtio-ports/*; do
      [ -e "$port/name" ] && read -r name <"$port/name" && [ "$name" = "whiskers.$1" ] && DEVICE=/dev/${port##*/} && return
    done
    tries=$((tries - 1))
    usleep 5000
  done
  complain "the machine has no device whiskers.$1"
}

# A file of the host: its path, blocks of 4096 bytes, bytes.
receive() {
  dd bs=4096 count="$2" iflag=fullblock <&3 2>/dev/null | head -c "$3" >"$1" || complain "cannot write $1"
}

tell_usage() {
  read -r peak <$GUEST/memory.peak
  read -r _ usec <$GUEST/cpu.stat
  killed=0
  while read -r key value; do [ "$key" = oom_kill ] && killed=$value; done <$GUEST/memory.events
  echo "$1 $peak $usec $killed" >&3
}

# Programs that open their own standard streams by name cannot be given devices, which open once.
relay() {
  mkdir -p /run
  mkfifo -m 666 /run/in /run/out /run/err
  cat <&5 >/run/in 2>/dev/null &
  feed=$!
  cat </run/out >&6 &
  drains=$!
  cat </run/err >&7 &
  drains="$drains $!"
}

# Starts the guest, waits for its end, ends all that it started, and marks the end of what it printed.
supervise() {
  exec 5<"$IN" 6>"$OUT" 7>"$ERR"
  drains='' feed=''
  [ "$2" = relayed ] && relay
  (
    echo 0 >$GUEST/cgroup.procs || exit 126
    if [ -n "$feed" ]; then exec </run/in >/run/out 2>/run/err; else exec <&5 >&6 2>&7; fi
    exec 3>&- 5<&- 6>&- 7>&- 8>&-
    . /guest
  ) &
  echo started >&3
  wait $!
  code=$?
  while read -r _ populated <$GUEST/cgroup.events && [ "$populated" = 1 ]; do
    echo 1 >$GUEST/cgroup.kill
    usleep 1000
  done
  [ -n "$drains" ] && kill $feed 2>/dev/null && wait $drains
  tell_usage "ended $code"
  echo -n "$1" >&6
  echo -n "$1" >&7
}

mount -t devtmpfs dev /dev
mount -t proc -o hidepid=2 proc /proc
mount -t sysfs sysfs /sys
while read -r module; do insmod "/modules/$module" || complain "the kernel does not load $module"; done </modules/order
device control
exec 3<>"$DEVICE"
for one in in out err; do
  device $one
  case $one in in) IN=$DEVICE ;; out) OUT=$DEVICE ;; err) ERR=$DEVICE ;; esac
done
# What it has to know anew whenever the machine goes on is told to a program that is running already.
mkfifo -m 600 /wake
wake <>/wake >&3 &
exec 8>/wake
mount -t cgroup2 cgroup /sys/fs/cgroup &&
  echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control &&
  mkdir $GUEST || complain "the kernel has no cgroups of version 2"
echo "booted $(uname -r)" >&3

while read -r verb one two three <&3; do
  case $verb in
    wake) echo -ne "$one" >&8 ;;
    file) receive "$one" "$two" "$three" ;;
    setup) problem=$(sh -e /setup 2>&1) || complain "cannot set up the guest: $problem" ;;
    start) supervise "$one" "$two" & ;;
    usage) tell_usage usage ;;
    terminate) for pid in $(cat $GUEST/cgroup.procs); do kill -TERM "$pid" 2>/dev/null; done ;;
  esac
done
# The host has let go of it.
poweroff -f
