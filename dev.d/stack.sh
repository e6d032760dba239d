# The local stack: the work is done by stack_cli.py; this makes sure that what it needs is there.

# has_option NAME ARG...: whether an option is among the arguments.
has_option() {
  local name=$1 argument
  shift
  for argument in "$@"; do case "$argument" in "$name" | "$name="*) return 0 ;; esac; done
  return 1
}

stack_start() {
  local command=$1
  shift
  ensure_build openpcc_programs
  local model=()
  if ! has_option --model "$@" && ! { has_option --engine "$@" && [[ "$*" == *noop* ]]; }; then
    model_fetch "$demo_model"
    model=(--model "$(model_path "$demo_model")" --model-name "$demo_model")
  fi
  exec python3 "$root/dev.d/stack_cli.py" "$command" "${model[@]}" "$@"
}

stack_demo() { stack_start demo "$@"; }
stack_up() { stack_start up "$@"; }
stack_down() { exec python3 "$root/dev.d/stack_cli.py" down; }
stack_status() { exec python3 "$root/dev.d/stack_cli.py" status; }
