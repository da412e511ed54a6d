"""Runs a frozen graph on photos with TensorFlow, on one thread: the scores to a NumPy file, the median time of a photo to stdout.

usage: run_graph.py GRAPH INPUT OUTPUT SIZE MEAN STD SCORES.npy PHOTO...

A program of its own, since TensorFlow reads TF_ENABLE_ONEDNN_OPTS once, when it is imported. Photos are decoded and resized as
TensorFlow's label_image does it; the time is that of the processor.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf

MEASURED = 12


def tensors(photos, size, mean, std):
    with tf.Graph().as_default(), tf.Session() as session:
        file = tf.placeholder(tf.string)
        # By default the transform of JPEG is an approximation.
        decoded = tf.image.decode_jpeg(file, 3, dct_method="INTEGER_ACCURATE"), tf.image.decode_png(file, 3)
        jpeg, png = [(tf.image.resize_bilinear(tf.cast(pixels, tf.float32)[tf.newaxis], [size, size]) - mean) / std
                     for pixels in decoded]
        return [session.run(jpeg if photo.suffix == ".jpg" else png, {file: photo.read_bytes()}) for photo in photos]


def main():
    graph, input_layer, output_layer, size, mean, std, scores, *photos = sys.argv[1:]
    images = tensors(list(map(pathlib.Path, photos)), int(size), float(mean), float(std))
    definition = tf.GraphDef()
    definition.ParseFromString(pathlib.Path(graph).read_bytes())
    one = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default() as loaded, tf.Session(config=one, graph=loaded) as session:
        tf.import_graph_def(definition, name="")
        found, times = [], []
        session.run(output_layer, {input_layer: images[0]})
        for index in range(max(MEASURED, len(images))):
            start = time.process_time()
            result = session.run(output_layer, {input_layer: images[index % len(images)]})
            times.append(1e3 * (time.process_time() - start))
            if index < len(images):
                found.append(result[0])
    np.save(scores, found)
    print(statistics.median(times))


main()
