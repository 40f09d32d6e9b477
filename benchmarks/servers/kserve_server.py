"""Serves an ONNX file with KServe's ModelServer: `python kserve_server.py MODEL.onnx NAME HTTP_PORT GRPC_PORT`, in a
venv that has `kserve` and `onnxruntime`. It listens at all addresses.
"""

import sys

import onnxruntime as ort
from kserve import InferOutput, InferResponse, Model, ModelServer

KINDS = {"tensor(float)": "FP32", "tensor(uint8)": "UINT8", "tensor(int64)": "INT64"}


def described(tensors):
    return [
        {"name": one.name, "datatype": KINDS[one.type], "shape": [a if isinstance(a, int) else -1 for a in one.shape]}
        for one in tensors
    ]


class Onnx(Model):
    def __init__(self, name, file):
        super().__init__(name)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.ready = True

    async def get_input_types(self):
        return described(self.session.get_inputs())

    async def get_output_types(self):
        return described(self.session.get_outputs())

    def predict(self, payload, headers=None, response_headers=None):
        names = [one.name for one in self.session.get_outputs()]
        made = self.session.run(names, {one.name: one.as_numpy() for one in payload.inputs})
        outputs = []
        for name, array in zip(names, made, strict=True):
            output = InferOutput(name, list(array.shape), KINDS[f"tensor({array.dtype.name.replace('32', '')})"])
            output.set_data_from_numpy(array, binary_data=True)
            outputs.append(output)
        return InferResponse(payload.id, self.name, outputs)


if __name__ == "__main__":
    file, name, http_port, grpc_port = sys.argv[1:]
    sys.argv = sys.argv[:1]
    ModelServer(http_port=int(http_port), grpc_port=int(grpc_port), workers=1).start([Onnx(name, file)])
