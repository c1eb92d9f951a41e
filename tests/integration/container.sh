#!/usr/bin/env bash
# The image, built and run for real in its form for CPUs. It is not part of the suite: it takes root, a quarter of an hour and 6 GB.
#
#   tests/integration/container.sh [FOLDER]    # FOLDER: where images and outputs lie; a new one under TMPDIR otherwise
#
# Debian's buildah and debootstrap are needed, and no container engine: a command runs as process 1 of a namespace of its
# own, with the image's files as its root. The base is Debian's own Python, since an image cannot always be fetched. The
# folders that this machine's pip reads wheels from are seen by the build.
set -euo pipefail
source="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
work="${1:-$(mktemp -d)}"
mkdir -p "$work/outputs"
store=(--root "$work/images" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-overlay}")
failures=0

exec 3>&1  # what is said, also while a command's own output goes to the log
say() { printf '%s\n' "$*" >&3; }
check() { # check WHAT COMMAND…: say whether the command succeeds
  local what="$1"; shift
  if "$@"; then say "ok      $what"; else say "FAILED  $what"; failures=$((failures + 1)); fi
}
seconds() { # seconds COMMAND…: run it, its output into the log; print its wall time
  local start; start=$(date +%s.%N)
  "$@" >>"$work/log" 2>&1
  date +%s.%N | awk -v start="$start" '{printf "%.1f", $1 - start}'
}

# --- the base, and pip's settings ---------------------------------------------------------------------------------------
if ! buildah "${store[@]}" inspect --type image ib-base >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=python3,python3-venv,python3-dev,ca-certificates bookworm "$work/base" >>"$work/log" 2>&1
  container=$(buildah "${store[@]}" from scratch)
  buildah "${store[@]}" add -q "$container" "$work/base" / >/dev/null
  buildah "${store[@]}" commit -q "$container" ib-base >/dev/null
  rm -r "$work/base"
fi
mounts=()
{
  echo "[global]"
  pip config list | sed -n "s/^\(global\|:env:\)\.\([a-z-]*\)='\(.*\)'$/\2 = \3/p" | sort -u -t= -k1,1
} >"$work/pip.conf"
for word in $(sed -n 's/^[a-z-]* = //p' "$work/pip.conf"); do
  path="${word#file://}"
  [ "${path#/}" != "$path" ] && [ -e "$path" ] || continue
  [ "${path##*/}" = simple ] && path="${path%/*}"  # an index names files that lie beside it
  mounts+=(-v "$path:$path:ro")
done
mounts+=(-v "$work/pip.conf:/etc/pip.conf:ro")

# --- built, and built again after a change of the source ----------------------------------------------------------------
build() {
  buildah "${store[@]}" bud --isolation chroot --layers "${mounts[@]}" --build-arg BASE=localhost/ib-base --build-arg DEVICE=cpu \
    -t ib-train "$1"
}
rm -rf "$work/source" && mkdir "$work/source"
git -C "$source" archive HEAD | tar -x -C "$work/source"
say "built in $(seconds build "$work/source") s"
printf '\n# changed\n' >>"$work/source/ib_cli/__init__.py"
say "built again after a change of the source in $(seconds build "$work/source") s"
say "size: $(buildah "${store[@]}" images --format '{{.Size}}' localhost/ib-train)"

container=$(buildah "${store[@]}" from localhost/ib-train)
root=$(buildah "${store[@]}" mount "$container")
entrypoint=$(buildah "${store[@]}" inspect --type image --format '{{.OCIv1.Config.Entrypoint}}' localhost/ib-train | tr -d '[]')
user=$(buildah "${store[@]}" inspect --type image --format '{{.OCIv1.Config.User}}' localhost/ib-train)
say "entry point: $entrypoint; user: $user"
check "the image's user is not root" test "$user" != root -a -n "$user"
check "no wheel of CUDA" sh -c "! ls -d $root/opt/venv/lib/python3*/site-packages/nvidia 2>/dev/null"

# --- run ----------------------------------------------------------------------------------------------------------------
# inside UID OUTPUTS COMMAND…: as that user, as process 1, without a network, with OUTPUTS mounted as /work/outputs.
inside() {
  local uid="$1" outputs="$2"; shift 2
  unshare --mount --pid --fork --kill-child --net --ipc sh -c '
    root="$1" outputs="$2" uid="$3"; shift 3
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"
    mount --bind "$outputs" "$root/work/outputs"
    exec chroot --userspec="$uid:$uid" "$root" /usr/bin/env -i PATH=/opt/venv/bin:/usr/bin:/bin HOME=/home/ib OMP_NUM_THREADS=1 \
      sh -c "cd /work && exec \"\$@\"" sh "$@"
  ' sh "$root" "$outputs" "$uid" "$@"
}
folder() { mkdir -p "$work/outputs/$1" && chown "$2:$2" "$work/outputs/$1" && printf '%s' "$work/outputs/$1"; }
first_process() { # first_process PARENT: the namespace's process 1, a child of unshare, once it runs the image's entry point
  local unshared= pid=
  until unshared=$(pgrep -P "$1") && pid=$(pgrep -P "$unshared") && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = tini ]; do sleep 0.02; done
  printf '%s' "$pid"
}
owners() { find "$1" -mindepth 1 -printf '%U\n' | sort -u; }

rm -rf "$work/outputs"
tiny=(dataset=digits dataset.train_size=200 dataset.test_size=100 epochs=2 estimators=none figures=false)
say "--version answers in $(seconds inside 1000 "$(folder version 1000)" $entrypoint --version) s"
say "two small epochs take $(seconds inside 1000 "$(folder default 1000)" $entrypoint "${tiny[@]}") s"
for uid in 1000 1234; do
  at=$(folder "user_$uid" $uid)
  check "user $uid trains" inside $uid "$at" $entrypoint "${tiny[@]}" >>"$work/log" 2>&1
  check "outputs belong to user $uid" test "$(owners "$at")" = $uid
done
at=$(folder closed 0)
inside 1234 "$at" $entrypoint "${tiny[@]}" >"$work/closed.log" 2>&1 && status=0 || status=$?
check "a folder that the user may not write to: status $status, $(wc -l <"$work/closed.log") lines" \
  sh -c "[ $status != 0 ] && ! grep -q Traceback '$work/closed.log' && grep -q outputs '$work/closed.log'"
check "compile=true" inside 1234 "$(folder compiled 1234)" $entrypoint "${tiny[@]}" compile=true >>"$work/log" 2>&1

# --- stopped and continued ----------------------------------------------------------------------------------------------
long=(dataset=digits epochs=60 estimators=none figures=false evaluate_every=20 checkpoint_every=5)
undisturbed=$(folder undisturbed 1234) stopped=$(folder stopped 1234)
inside 1234 "$undisturbed" $entrypoint "${long[@]}" >>"$work/log" 2>&1
inside 1234 "$stopped" $entrypoint "${long[@]}" >"$work/stopped.log" 2>&1 &
parent=$!
first=$(first_process $parent)
until [ "$(cat "$stopped"/*/*/metrics.jsonl 2>/dev/null | wc -l)" -ge 5 ]; do sleep 0.05; done
kill -TERM "$first" || true
wait $parent && status=0 || status=$?
check "SIGTERM in training: status $status, $(tail -1 "$work/stopped.log")" test "$status" = 143
check "the same command goes on" inside 1234 "$stopped" $entrypoint "${long[@]}" >>"$work/log" 2>&1
check "… to the same numbers" cmp -s <(cat "$undisturbed"/*/*/metrics.jsonl) <(cat "$stopped"/*/*/metrics.jsonl)

ignored=0 traces=0
for tenths in 0 1 2 3 4 5 6 8 10 12 15 20; do
  inside 1234 "$(folder early 1234)" $entrypoint "${long[@]}" "name=early$tenths" >"$work/early.log" 2>&1 &
  parent=$!
  first=$(first_process $parent)
  sleep "$(awk "BEGIN {print $tenths / 10}")"
  kill -TERM "$first" || true
  ( sleep 20; kill -KILL "$first" 2>/dev/null ) & watch=$!
  wait $parent && status=0 || status=$?
  kill $watch 2>/dev/null || true
  [ "$status" = 143 ] || { ignored=$((ignored + 1)); say "  after 0.$tenths s: status $status"; }
  ! grep -q Traceback "$work/early.log" || traces=$((traces + 1))
done
check "12 SIGTERM within two seconds: $ignored not heard, $traces tracebacks" test "$ignored$traces" = 00

buildah "${store[@]}" umount "$container" >/dev/null
buildah "${store[@]}" rm "$container" >/dev/null
[ "$failures" = 0 ] && say "all as it should be; $work" || { say "$failures failed; $work"; exit 1; }
