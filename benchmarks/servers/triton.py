"""Serves an ONNX file with Triton: `python triton.py MODEL.onnx NAME HTTP_PORT GRPC_PORT`, in a venv that has
`nvidia-pytriton` and `onnxruntime`, made with Debian's own /usr/bin/python3.
"""

import sys

import numpy as np
import onnxruntime as ort
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

KINDS = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}


def main(file: str, name: str, http_port: int, grpc_port: int) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    inputs, outputs = (
        [
            Tensor(name=one.name, dtype=KINDS[one.type], shape=[a if isinstance(a, int) else -1 for a in one.shape])
            for one in tensors
        ]
        for tensors in (session.get_inputs(), session.get_outputs())
    )
    names = [one.name for one in session.get_outputs()]

    def run(requests):
        return [dict(zip(names, session.run(names, dict(one.data)), strict=True)) for one in requests]

    config = TritonConfig(
        http_address="127.0.0.1",
        grpc_address="127.0.0.1",
        http_port=http_port,
        grpc_port=grpc_port,
        allow_metrics=False,
        log_verbose=0,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name=name,
            infer_func=run,
            inputs=inputs,
            outputs=outputs,
            config=ModelConfig(batching=False, batcher=DynamicBatcher()),
        )
        triton.serve()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
