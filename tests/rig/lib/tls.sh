# `rig up --tls`: an authority, and for each host a key and a certificate that serve libvirtd, its clients and QEMU's
# native migration alike. host-init puts them where libvirt and QEMU look for them.
# shellcheck shell=bash

make_certificates() {
    local directory=$SHARE/tls host
    mkdir "$directory"
    issue ca "/CN=libvirt-hpc rig" "basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign" ca
    for host in "${HOSTS[@]}"; do
        issue "$host" "/CN=$host" "basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$host,IP:$(address_of "$host")" ca
    done
}

# issue NAME SUBJECT EXTENSIONS ISSUER: a key and a certificate of ten years from now on.
issue() {
    local name=$1 subject=$2 extensions=$3 issuer=$4 sign=()
    openssl req -new -newkey rsa:2048 -nodes -subj "$subject" -keyout "$directory/$name.key" \
        -out "$directory/$name.csr" 2>/dev/null
    if [ "$name" = "$issuer" ]; then
        sign=(-signkey "$directory/$name.key")
    else
        sign=(-CA "$directory/$issuer.crt" -CAkey "$directory/$issuer.key" -CAcreateserial)
    fi
    openssl x509 -req -in "$directory/$name.csr" "${sign[@]}" -days 3650 -extfile <(echo "$extensions") \
        -out "$directory/$name.crt" 2>/dev/null || die "up: openssl made no certificate of $name"
}

# Run by host-init, in the host's root.
install_certificates() {
    local host=$1 from=/rig/tls role
    install -D -m 644 "$from/ca.crt" /etc/pki/CA/cacert.pem
    install -D -m 644 "$from/ca.crt" /etc/pki/qemu/ca-cert.pem
    for role in server client; do
        install -D -m 644 "$from/$host.crt" "/etc/pki/libvirt/${role}cert.pem"
        install -D -m 600 "$from/$host.key" "/etc/pki/libvirt/private/${role}key.pem"
        install -D -m 644 "$from/$host.crt" "/etc/pki/qemu/$role-cert.pem"
        install -D -m 600 "$from/$host.key" "/etc/pki/qemu/$role-key.pem"
    done
}
