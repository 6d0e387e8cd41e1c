#!/bin/sh
# Reports each job of SLURM as a run of Avalanche Monitor. In slurm.conf:
#   PrologSlurmctld=/etc/slurm/slurm-report.sh
#   EpilogSlurmctld=/etc/slurm/slurm-report.sh
# It ends with 0 whatever happens: a prolog that fails would requeue the job.
PATH=/usr/local/bin:/usr/bin:/bin # SLURM sets none
server="${AVALANCHE_RUNS_URL:-http://127.0.0.1:9091}"

report() {
  curl -s -o /dev/null --max-time 3 "$server/api/v1/runs" \
    --data-urlencode "run_id=slurm-${SLURM_CLUSTER_NAME:-cluster}-$SLURM_JOB_ID-${SLURM_JOB_RESTART_COUNT:-0}" \
    --data-urlencode "kind=slurm" \
    --data-urlencode "name=${SLURM_JOB_NAME:-unnamed}" \
    --data-urlencode "user=${SLURM_JOB_USER:-}" \
    --data-urlencode "host=${SLURM_JOB_NODELIST:-}" \
    --data-urlencode "parameters.partition=${SLURM_JOB_PARTITION:-}" \
    --data-urlencode "parameters.account=${SLURM_JOB_ACCOUNT:-}" \
    -d ttl=15d "$@"
}

case "$SLURM_SCRIPT_CONTEXT" in
  prolog_slurmctld) report -d event=start ;;
  epilog_slurmctld)
    # "exit status:signal"
    code="${SLURM_JOB_EXIT_CODE2:-0:0}"
    signal="${code#*:}"
    [ "$signal" = 0 ] && signal=
    report -d event=done -d "exit_status=${code%%:*}" ${signal:+-d "signal=$signal"} \
      ${SLURM_JOB_START_TIME:+-d "started_at=$SLURM_JOB_START_TIME"}
    ;;
esac
exit 0
