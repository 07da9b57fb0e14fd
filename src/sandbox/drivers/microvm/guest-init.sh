#!/bin/busybox sh
# The first process of every microVM, run by the static busybox of the initramfs: loads the modules, finds the host, and
# does what that says (descriptor 3) line by line, and answers (4). The guest is another user, in another root directory
# and in a cgroup of its own; this process and the files of the initramfs are out of its reach.
# The machine has a serial device for each stream, or, where the kernel is told `whiskers.streams=vsock`, none.
PATH=/bin
GUEST=/sys/fs/cgroup/guest

complain() {
  echo "whiskers: $1" >/dev/console
  { echo "failed $1" >&4; } 2>/dev/null
  usleep 100000
  leave
}

# Firecracker has nothing that turns a machine off.
leave() {
  [ $STREAMS = vsock ] && reboot -f
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
  echo "$1 $peak $usec $killed" >&4
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

find_devices() {
  device control
  exec 3<>"$DEVICE" 4>&3
  device wake
  # What it has to know anew whenever the machine goes on is told to a program that is running already, and to no shell: all
  # that runs then costs a machine memory of its own.
  wake <>"$DEVICE" >&4 &
  for one in in out err; do
    device $one
    case $one in in) IN=$DEVICE ;; out) OUT=$DEVICE ;; err) ERR=$DEVICE ;; esac
  done
}

# Each stream is a connection that the host makes to a port of ours, and a pipe behind it. A machine that was restored
# has lost its connections, which is an error to who reads from one and no end; the pipes stay, and the host comes again.
# It is dd that passes bytes on: cat would by sendfile(2), which keeps a pipe locked while it waits for a socket.
make_pipes() {
  mkdir -p /run
  mkfifo -m 600 /run/told /run/said
  mkfifo -m 666 /run/in /run/out /run/err
  exec 3<>/run/told 4<>/run/said 6<>/run/out 7<>/run/err 8<>/run/in 5</run/in
  feed 3<&- 4>&- 5<&- 6>&- 7>&- &
  exec 8<&-
  serve 5<&- &
  mkfifo -m 600 /wake
  wake <>/wake >&4 &
  exec 8>/wake
}

# As long as this runs, and holds descriptor 8, the guest's input has no end.
feed() {
  until listen 101 /bin/sh -c 'exec dd bs=64k <&3 >/run/in'; do usleep 2000; done 2>/dev/null
}

serve() {
  while :; do
    listen 102 /bin/sh -c 'exec dd bs=64k </run/out >&3' &
    drains=$!
    listen 103 /bin/sh -c 'exec dd bs=64k </run/err >&3' &
    drains="$drains $!"
    # Its end is that of the host, which has let go of the machine.
    listen 100 /bin/sh -c 'dd bs=64k </run/said >&3 & dd bs=64k <&3 >/run/told; code=$?; kill $!; exit $code' && leave
    kill $drains
    wait
    usleep 2000
  done 2>/dev/null
}

# Starts the guest, waits for its end, ends all that it started, and marks the end of what it printed.
supervise() {
  drains='' feed=''
  if [ $STREAMS = serial ]; then
    exec 5<"$IN" 6>"$OUT" 7>"$ERR"
    [ "$2" = relayed ] && relay
  fi
  (
    echo 0 >$GUEST/cgroup.procs || exit 126
    if [ $STREAMS = vsock ]; then exec <&5 >/run/out 2>/run/err
    elif [ -n "$feed" ]; then exec </run/in >/run/out 2>/run/err
    else exec <&5 >&6 2>&7; fi
    exec 3>&- 4>&- 5<&- 6>&- 7>&- 8>&-
    . /guest
  ) &
  echo started >&4
  wait $!
  code=$?
  while read -r _ populated <$GUEST/cgroup.events && [ "$populated" = 1 ]; do
    echo 1 >$GUEST/cgroup.kill
    usleep 1000
  done
  # The feed may have ended before, with the input.
  if [ -n "$drains" ]; then
    kill $feed 2>/dev/null
    wait $drains
  fi
  tell_usage "ended $code"
  # A guest that has a device may have left it so that a write does not wait.
  until echo -n "$1" >&6; do usleep 2000; done 2>/dev/null
  until echo -n "$1" >&7; do usleep 2000; done 2>/dev/null
}

mount -t devtmpfs dev /dev
mount -t proc -o hidepid=2 proc /proc
mount -t sysfs sysfs /sys
STREAMS=serial
read -r words </proc/cmdline
case " $words " in *" whiskers.streams=vsock "*) STREAMS=vsock ;; esac
while read -r module; do insmod "/modules/$module" || complain "the kernel does not load $module"; done </modules/$STREAMS
if [ $STREAMS = vsock ]; then make_pipes; else find_devices; fi
mount -t cgroup2 cgroup /sys/fs/cgroup &&
  echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control &&
  mkdir $GUEST || complain "the kernel has no cgroups of version 2"
echo "booted $(uname -r)" >&4

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
leave
