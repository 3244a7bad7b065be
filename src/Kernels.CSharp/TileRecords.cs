namespace Hesse.Kernels;

/// <summary>An input register of a fused loop: a strided view of a slot over the iteration shape, or a constant.</summary>
/// <param name="Slot">Slot index; negative for the uniform <paramref name="Constant"/>.</param>
/// <param name="Offset">First element of the view inside the slot, in elements.</param>
/// <param name="Strides">One stride per axis of the iteration shape, in elements (0 broadcasts); null means contiguous.</param>
/// <param name="Constant">The value of every element when <paramref name="Slot"/> is negative.</param>
/// <param name="IsSingle">Whether the slot holds float32, which is widened as it is read.</param>
public readonly record struct TileInput(int Slot, long Offset, long[]? Strides, double Constant, bool IsSingle = false);

/// <summary>One micro-operation on registers. Registers 0..inputs-1 are the inputs, the others are temporaries.</summary>
/// <param name="Op">The operation.</param>
/// <param name="Dst">Register written; a temporary.</param>
/// <param name="A">First operand.</param>
/// <param name="B">Second operand; ignored by unary operations.</param>
/// <param name="C">Third operand; ignored except by <see cref="TileOp.Select"/>.</param>
public readonly record struct TileInstruction(TileOp Op, int Dst, int A, int B, int C);

/// <summary>A register that is written to a slot: contiguously over the iteration shape, or in runs.</summary>
/// <param name="Register">Register whose final value is written.</param>
/// <param name="Slot">Destination slot.</param>
/// <param name="IsSingle">Whether the slot holds float32, to which the value is rounded as it is written.</param>
/// <param name="Offset">First element inside the slot of an output in runs.</param>
/// <param name="Run">Elements that follow each other in the slot; 0 when all do.</param>
/// <param name="Pitch">Elements from the start of a run to the start of the next.</param>
public readonly record struct TileOutput(int Register, int Slot, bool IsSingle = false, long Offset = 0, long Run = 0, long Pitch = 0);
