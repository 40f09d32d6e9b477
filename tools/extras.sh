# shellcheck shell=bash
# Sourced by install.sh: which build of ONNX Runtime the service runs with, and where that is remembered for upgrades.
# Needs tools/venv.sh.

# package_of EXTRA: the package that takes the place of onnxruntime.
package_of() {
    case $1 in
    gpu) echo onnxruntime-gpu ;;
    openvino) echo onnxruntime-openvino ;;
    none) echo onnxruntime ;;
    *) die "there is no extra '$1'; there are gpu (CUDA, TensorRT), openvino, and none (the CPU)" ;;
    esac
}

# wanted_extra FILE: the one in $EXTRAS, or of an earlier installation, from FILE.
wanted_extra() {
    local extra=${EXTRAS:-}
    if [ -z "$extra" ] && [ -e "$1" ]; then extra=$(cat "$1"); fi
    package_of "${extra:=none}" >/dev/null
    echo "$extra"
}

# install_extra EXTRA: into $venv.
install_extra() {
    [ "$1" != none ] || return 0
    local package
    package=$(package_of "$1")
    say "installing $package in place of onnxruntime"
    pip uninstall --yes onnxruntime || pip_failed "remove onnxruntime"
    pip install --no-compile --no-deps "$package" || pip_failed "install $package"
    "$venv/bin/python" -c 'import onnxruntime; print(*onnxruntime.get_available_providers())' >&2 ||
        die "$package was installed but cannot be imported; its output is above. The service in use is not changed."
}

# remember_extra EXTRA FILE
remember_extra() {
    if [ "$1" = none ]; then rm -f "$2"; else echo "$1" >"$2"; fi
}
