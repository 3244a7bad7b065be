module Hesse.Theory.Tests.Curvature.TraceTests

open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``the trace of a diagonal operator has no error`` () =
    let a = Array.init 25 (fun q -> if q % 6 = 0 then float (q / 6 + 1) else 0.0)
    let e = Trace.hutchinson (LinearOperator.ofMatrix 5 a) (Random.key 1) 3
    Assert.Equal(15.0, e.Mean, 12)
    Assert.Equal(0.0, e.StandardError, 12)

[<Fact>]
let ``the estimate scatters with variance 2 Σ of squares off the diagonal`` () =
    let n, probes = 20, 4000
    let r = (Random.normal (Random.key 2) [ n; n ]).toArray()
    let a = Array.init (n * n) (fun q -> r[q] + r[(q % n) * n + q / n])
    let trace = Seq.sum (seq { for i in 0 .. n - 1 -> a[i * n + i] })

    let off =
        Seq.sum (
            seq {
                for q in 0 .. n * n - 1 do
                    if q / n <> q % n then
                        a[q] * a[q]
            }
        )

    let e = Trace.hutchinson (LinearOperator.ofMatrix n a) (Random.key 3) probes
    let expected = sqrt (2.0 * off / float probes)
    Assert.InRange(e.StandardError / expected, 0.95, 1.05)
    Assert.True(abs (e.Mean - trace) < 4.0 * expected)
