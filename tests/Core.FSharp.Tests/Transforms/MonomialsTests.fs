module Hesse.Tests.Transforms.MonomialsTests

open Hesse
open Hesse.Tests
open Xunit

let private all (terms: Monomials) = [ for p in 0 .. terms.Count - 1 -> List.ofArray terms[p] ]

[<Fact>]
let ``a line holds the powers, a box the product of powers, a degree all terms up to it`` () =
    Assert.Equal<int list list>([ [ 0 ]; [ 1 ]; [ 2 ]; [ 3 ] ], all (Monomials.Line 3))

    Assert.Equal<int list list>(
        [ [ 0; 0 ]; [ 1; 0 ]; [ 0; 1 ]; [ 2; 0 ]; [ 1; 1 ]; [ 2; 1 ] ],
        all (Monomials.Box [| 2; 1 |])
    )

    // C(3 + 4, 4) terms of degree at most 4 in 3 variables.
    let terms = Monomials.Degree(3, 4)
    Assert.Equal(35, terms.Count)
    Assert.Equal(35, all terms |> List.distinct |> List.length)
    Assert.All(all terms, (fun a -> Assert.True(List.sum a <= 4)))

[<Fact>]
let ``products, raised and lowered terms add exponents`` () =
    for terms in [ Monomials.Line 4; Monomials.Box [| 2; 0; 3 |]; Monomials.Degree(2, 3) ] do
        for p in 0 .. terms.Count - 1 do
            let pairs = terms.Products p
            // Every term below p is a factor once.
            Assert.Equal(terms[p] |> Array.fold (fun n a -> n * (a + 1)) 1, pairs.Length)

            for struct (a, b) in pairs do
                Assert.Equal<int[]>(terms[p], Array.map2 (+) terms[a] terms[b])

            if p > 0 then
                let struct (i, lower, power) = terms.Lowered p
                Assert.Equal(power, terms[p][i])
                Assert.Equal(p, terms.Raised(lower, i))
            else
                Assert.Equal(0, Array.sum terms[p])

    Assert.Equal(-1, Monomials.Line(4).Raised(4, 0))
    Assert.Equal(12.0, Monomials.Box([| 3; 2 |]).Factorial(Monomials.Box([| 3; 2 |]).Place [| 3; 2 |]))
