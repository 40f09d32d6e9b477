"""Serves an ONNX file with MLServer: `mlserver start FOLDER`, in a venv that has `mlserver` and `onnxruntime`. The
folder holds this file, `settings.json` (ports) and `model-settings.json`, whose `uri` is the file; see docs/remote.md.
"""

import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse, MetadataModelResponse, MetadataTensor

KINDS = {"tensor(float)": "FP32", "tensor(uint8)": "UINT8", "tensor(int64)": "INT64"}


class Onnx(MLModel):
    async def load(self):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        uri = self.settings.parameters.uri
        self.session = ort.InferenceSession(uri, options, providers=["CPUExecutionProvider"])
        return True

    async def metadata(self):
        inputs, outputs = (
            [
                MetadataTensor(
                    name=one.name, datatype=KINDS[one.type], shape=[a if isinstance(a, int) else -1 for a in one.shape]
                )
                for one in tensors
            ]
            for tensors in (self.session.get_inputs(), self.session.get_outputs())
        )
        return MetadataModelResponse(name=self.name, versions=[], platform="", inputs=inputs, outputs=outputs)

    async def predict(self, payload):
        names = [one.name for one in self.session.get_outputs()]
        made = self.session.run(names, {one.name: NumpyCodec.decode_input(one) for one in payload.inputs})
        outputs = [NumpyCodec.encode_output(name, array) for name, array in zip(names, made, strict=True)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
