namespace Hesse

open System
open System.Globalization
open System.Numerics

/// An exact fraction of whole numbers of any size, in lowest terms with a positive denominator.
[<Struct; CustomEquality; CustomComparison>]
type BigRational =
    val private numerator: BigInteger
    val private denominator: BigInteger

    private new(numerator, denominator) = { numerator = numerator; denominator = denominator }

    /// In lowest terms; carries the sign.
    member r.Numerator = r.numerator

    /// Positive. The default value of the structure is the number 0.
    member r.Denominator = if r.denominator.IsZero then BigInteger.One else r.denominator

    /// <summary>The fraction of two whole numbers.</summary>
    /// <param name="numerator">Any whole number.</param>
    /// <param name="denominator">Any whole number but 0.</param>
    /// <returns>The fraction in lowest terms.</returns>
    /// <exception cref="T:Hesse.HesseException">The denominator is 0.</exception>
    static member Create(numerator: BigInteger, denominator: BigInteger) =
        if denominator.IsZero then
            Shape.fail $"BigRational: {numerator} / 0 is no number; keep the divisor away from 0"

        let common = BigInteger.GreatestCommonDivisor(numerator, denominator) * BigInteger denominator.Sign

        BigRational(numerator / common, denominator / common)

    /// <summary>The exact value of a float64.</summary>
    /// <param name="x">Any finite number.</param>
    /// <exception cref="T:Hesse.HesseException">x is infinite or NaN.</exception>
    static member OfFloat(x: float) =
        if not (Double.IsFinite x) then
            Shape.fail $"BigRational: {x} is no rational number; want a finite one"

        let bits = BitConverter.DoubleToInt64Bits x
        let exponent = int ((bits >>> 52) &&& 0x7FFL)
        let fraction = bits &&& 0xFFFFFFFFFFFFFL

        let significand =
            BigInteger(if exponent = 0 then fraction else fraction ||| 0x10000000000000L)
            * BigInteger(Math.Sign x)

        let power = max exponent 1 - 1075

        if power >= 0 then
            BigRational(significand <<< power, BigInteger.One)
        else
            BigRational.Create(significand, BigInteger.One <<< -power)

    /// 0.
    static member Zero = BigRational(BigInteger.Zero, BigInteger.One)
    /// 1.
    static member One = BigRational(BigInteger.One, BigInteger.One)

    static member (+)(a: BigRational, b: BigRational) =
        BigRational.Create(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator)

    static member (-)(a: BigRational, b: BigRational) = a + -b
    static member (~-)(a: BigRational) = BigRational(-a.Numerator, a.Denominator)

    static member (*)(a: BigRational, b: BigRational) =
        BigRational.Create(a.Numerator * b.Numerator, a.Denominator * b.Denominator)

    static member (/)(a: BigRational, b: BigRational) =
        BigRational.Create(a.Numerator * b.Denominator, a.Denominator * b.Numerator)

    /// −1, 0 or 1.
    member r.Sign = r.Numerator.Sign

    /// True when the denominator is 1.
    member r.IsWhole = r.Denominator.IsOne

    /// The greatest whole number that is not above this one.
    member r.Floor() =
        let quotient = BigInteger.Divide(r.Numerator, r.Denominator)
        if r.Sign < 0 && not r.IsWhole then quotient - BigInteger.One else quotient

    /// <summary>A whole power.</summary>
    /// <param name="n">The exponent; negative only if the number is not 0.</param>
    member r.Power(n: int) =
        let power (b: BigInteger) = BigInteger.Pow(b, abs n)

        if n >= 0 then
            BigRational(power r.Numerator, power r.Denominator)
        else
            BigRational.Create(power r.Denominator, power r.Numerator)

    /// The nearest float64, ties to even.
    member r.ToFloat() : float =
        if r.Numerator.IsZero then
            0.0
        else
            let magnitude = BigInteger.Abs r.Numerator

            // 66 bits or more of the quotient, the last of which says whether anything is left.
            let shift = int (magnitude.GetBitLength()) - int (r.Denominator.GetBitLength()) - 66 |> max -1140

            let quotient =
                if shift >= 0 then
                    BigInteger.Divide(magnitude, r.Denominator <<< shift)
                else
                    BigInteger.Divide(magnitude <<< -shift, r.Denominator)

            let exact =
                if shift >= 0 then
                    quotient * (r.Denominator <<< shift) = magnitude
                else
                    quotient * r.Denominator = (magnitude <<< -shift)

            // Round the kept bits by hand: 53 of them, fewer below the normal range.
            let excess = max (int (quotient.GetBitLength()) - 53) (-1074 - shift)

            let rounded =
                if excess <= 0 then
                    quotient
                else
                    let kept = quotient >>> excess
                    let rest = quotient - (kept <<< excess)
                    let half = BigInteger.One <<< (excess - 1)

                    if rest > half || (rest = half && (not exact || not kept.IsEven)) then
                        kept + BigInteger.One
                    else
                        kept

            float r.Sign * Math.ScaleB(float rounded, shift + max excess 0)

    /// <summary>Decimal digits in scientific notation, rounded towards 0.</summary>
    /// <param name="digits">How many, at least 1.</param>
    member r.ToDecimal(digits: int) : string =
        if r.Numerator.IsZero then
            "0"
        else
            let ten = BigInteger 10
            let magnitude = BigInteger.Abs r.Numerator

            // The number is magnitude / denominator; find the exponent of its first digit.
            let estimate = int (Math.Floor(BigInteger.Log10 magnitude - BigInteger.Log10 r.Denominator))

            let denominator = r.Denominator

            let scaled exponent =
                let shift = digits - 1 - exponent

                if shift >= 0 then
                    BigInteger.Divide(magnitude * BigInteger.Pow(ten, shift), denominator)
                else
                    BigInteger.Divide(magnitude, denominator * BigInteger.Pow(ten, -shift))

            let exponent =
                [ estimate + 1; estimate; estimate - 1 ]
                |> List.find (fun e -> scaled e >= BigInteger.Pow(ten, digits - 1))

            let text = (scaled exponent).ToString CultureInfo.InvariantCulture
            let sign = if r.Sign < 0 then "-" else ""
            let point = if digits > 1 then "." + text[1..] else ""
            $"{sign}{text[0]}{point}e{exponent}"

    override r.ToString() = if r.IsWhole then string r.Numerator else $"{r.Numerator}/{r.Denominator}"

    member private a.CompareWith(b: BigRational) =
        BigInteger.Compare(a.Numerator * b.Denominator, b.Numerator * a.Denominator)

    override a.Equals other =
        match other with
        | :? BigRational as b -> a.CompareWith b = 0
        | _ -> false

    override r.GetHashCode() = HashCode.Combine(r.Numerator, r.Denominator)

    interface IComparable with
        member a.CompareTo other =
            match other with
            | :? BigRational as b -> a.CompareWith b
            | _ -> invalidArg "other" "not a BigRational"
