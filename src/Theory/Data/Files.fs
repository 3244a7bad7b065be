namespace Hesse.Theory

open System
open System.IO
open System.IO.Compression
open Hesse

/// Reading whole files and writing them so that a reader never sees half of one. Errors begin with the name of the operation.
module internal Files =
    let fail (message: string) : 'a = raise (HesseException message)

    let show (shape: int seq) = "[" + String.Join("; ", shape) + "]"

    /// All bytes of a file; `advice` says what to do when there is none.
    let read (operation: string) (advice: string) (path: string) : byte[] =
        if not (File.Exists path) then
            fail $"{operation}: no file '{path}'; {advice}"

        try
            File.ReadAllBytes path
        with
        | :? IOException
        | :? UnauthorizedAccessException as e ->
            raise (HesseException($"{operation}: cannot read '{path}': {e.Message}; check its permissions", e))

    let isGzip (bytes: byte[]) = bytes.Length >= 2 && bytes[0] = 0x1fuy && bytes[1] = 0x8buy

    /// The contents of a gzip file with one member; its last four bytes hold their length (RFC 1952, 2.3.1).
    let gunzip (operation: string) (advice: string) (path: string) (packed: byte[]) : byte[] =
        if not (isGzip packed) then
            fail $"{operation}: '{path}' is not a gzip file (it does not begin with 1f 8b); {advice}"

        let bytes =
            try
                use stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress)
                use contents = new MemoryStream()
                stream.CopyTo contents
                contents.ToArray()
            with :? InvalidDataException as e ->
                raise (
                    HesseException(
                        $"{operation}: '{path}' is a damaged or truncated gzip file: {e.Message.TrimEnd '.'}; {advice}",
                        e
                    )
                )

        let stated =
            if packed.Length < 18 then
                -1L
            else
                int64 (BitConverter.ToUInt32(packed, packed.Length - 4))

        if stated <> int64 bytes.Length then
            fail
                $"{operation}: '{path}' is a truncated gzip file: {bytes.Length} bytes of contents, {stated} stated at its end; {advice}"

        bytes

    /// Writes a file under another name next to it and then moves it there: it is whole or it is the old one.
    let write (operation: string) (path: string) (contents: Stream -> unit) : unit =
        let temporary = path + ".part"

        try
            do
                use stream = new FileStream(temporary, FileMode.Create, FileAccess.Write)
                contents stream
                stream.Flush true

            File.Move(temporary, path, true)
        with
        | :? IOException
        | :? UnauthorizedAccessException as e ->
            raise (
                HesseException(
                    $"{operation}: cannot write '{path}': {e.Message}; check the folder, its permissions and the space on the disk",
                    e
                )
            )
