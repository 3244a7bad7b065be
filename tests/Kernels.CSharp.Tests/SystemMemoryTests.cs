using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>What the system says of its memory.</summary>
public sealed class SystemMemoryTests
{
    [Fact]
    public void WhatIsFreeIsLessThanAllThereIs() =>
        Assert.InRange(SystemMemory.FreeBytes(), 1, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - 1);
}
