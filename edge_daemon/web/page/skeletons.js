// Limbs between keypoints, by the name of the set.

const fingers = [0, 1, 2, 3, 4].flatMap((finger) => [[0, finger * 4 + 1], ...[1, 2, 3].map((joint) => [finger * 4 + joint, finger * 4 + joint + 1])]);

export const LIMBS = {
  coco17: [[15, 13], [13, 11], [16, 14], [14, 12], [11, 12], [5, 11], [6, 12], [5, 6], [5, 7], [6, 8], [7, 9], [8, 10], [1, 2], [0, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6]],
  hand21: fingers,
};
