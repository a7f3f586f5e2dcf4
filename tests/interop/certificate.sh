# shellcheck shell=sh disable=SC2154
# certificate.sh: how certificates are made for peers. Sourced, with $scratch set.

# certificate NAME SUBJECT REQ-OPTION...: $scratch/NAME.pem and .key. It holds for two days, unless
# an option says otherwise: of two that differ openssl takes the last.
certificate() {
  name=$1 subject=$2
  shift 2
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -keyout "$scratch/$name.key" -out "$scratch/$name.pem" -subj "/CN=$subject" "$@"
}

# certificate_authority NAME SUBJECT REQ-OPTION...
certificate_authority() {
  certificate "$@" -addext 'keyUsage=critical,keyCertSign'
}

# certificate_by AUTHORITY NAME SUBJECT REQ-OPTION...
certificate_by() {
  authority=$1
  shift
  certificate "$@" -CA "$scratch/$authority.pem" -CAkey "$scratch/$authority.key" \
    -addext 'basicConstraints=critical,CA:FALSE'
}
