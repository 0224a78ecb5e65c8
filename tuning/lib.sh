# Shared by apply, undo and show: sourced, not run. A setting is a file of the kernel and a value; so one way to read
# it and one way to write it serve all of them, and undoing is writing what was read before.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for those who source this
# What the settings were before: FILE <tab> VALUE a line, in the order of change.
state=${CORESLOT_TUNING_STATE:-/var/lib/coreslot/tuning.state}

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

help_of() {
  awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "$1"
}

# The value of a setting, in the form in which it can be written: of "always [madvise] never" that is madvise.
value_of() {
  local text
  text=$(tr '\t' ' ' <"$1" 2>/dev/null) || return 1
  [[ $text =~ \[([^]]+)\] ]] && text=${BASH_REMATCH[1]}
  echo "$text"
}

# meets NOW WANTED: whether a setting is as wanted; "at least N" is met by more as well.
meets() {
  if [[ $2 == 'at least '* ]]; then
    [[ $1 =~ ^[0-9]+$ ]] && (($1 >= ${2#at least }))
  else
    [[ $1 == "$2" ]]
  fi
}

# The settings of a profile, one a line: FILE <tab> VALUE <tab> REASON, patterns resolved, absent files left out.
settings_of() {
  local file value reason found
  [[ -r $here/profiles/$1.conf ]] || die "no profile $1: there are $(cd "$here/profiles" && echo *.conf | sed 's/\.conf//g')"
  while IFS='|' read -r file value reason; do
    file=${file%% } && value=${value# } && value=${value% }
    case $file in
      '' | '#'*) ;;
      'include '*) settings_of "${file#include }" ;;
      *)
        # shellcheck disable=SC2086 # the pattern is to be resolved
        for found in $file; do
          [[ ! -e $found ]] || printf '%s\t%s\t%s\n' "$found" "$value" "${reason# }"
        done
        ;;
    esac
  done <"$here/profiles/$1.conf"
}

# Interrupts that may be moved, onto the CPUs $1: FILE <tab> VALUE <tab> REASON.
interrupts_onto() {
  local file
  for file in /proc/irq/[0-9]*/smp_affinity_list; do
    [[ ! -e $file ]] || printf '%s\t%s\t%s\n' "$file" "$1" "data cores are left to their commands: interrupts go to the other CPUs"
  done
}

# The CPUs of this machine that are not in the list $1 (2,4-7), as a list.
cpus_but() {
  local cpu part out=()
  local -A taken=()
  for part in ${1//,/ }; do
    for ((cpu = ${part%-*}; cpu <= ${part#*-}; cpu++)); do taken[$cpu]=1; done
  done
  for ((cpu = 0; cpu < $(nproc --all); cpu++)); do [[ -n ${taken[$cpu]:-} ]] || out+=("$cpu"); done
  (IFS=, && echo "${out[*]}")
}
