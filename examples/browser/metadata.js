// What a file of ONNX says of itself, which onnxruntime-web does not give: the metadata_props of its protobuf.

const METADATA_PROPS = 14; // the field of ModelProto; each has a key, field 1, and a value, field 2

function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) varint();
    else if ((tag & 7) !== 2) throw new Error("this is not a file of ONNX");
    else {
      const length = varint();
      yield [tag >> 3, bytes.subarray(at, (at += length))];
    }
  }
}

/** The metadata of a model as an object; values that audioconv wrote as JSON are parsed. */
export function metadata(model) {
  const found = {}, text = new TextDecoder();
  for (const [field, entry] of fields(model)) {
    if (field !== METADATA_PROPS) continue;
    const { 1: key, 2: value } = Object.fromEntries([...fields(entry)].map(([number, bytes]) => [number, text.decode(bytes)]));
    try {
      found[key] = JSON.parse(value);
    } catch {
      found[key] = value;
    }
  }
  return found;
}
