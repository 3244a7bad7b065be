using System;
using System.Formats.Tar;
using System.IO;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Hesse.Cli.Plotly;
using Xunit;

namespace Hesse.Cli.Tests.Plotly;

public class PlotlyCacheTests
{
    private const string Script = "var Plotly = {};";

    [Fact]
    public void TheScriptIsTakenFromTheTarballOnceAndThenFromTheCache()
    {
        using var folder = new TestHost();
        int packs = 0;
        var cache = new PlotlyCache(folder.Folder, Hash(Script), at =>
        {
            packs++;
            return Pack(at, Script);
        });
        Assert.Null(cache.Get(fetch: false).Source);
        Assert.Equal(0, packs);
        Assert.Equal(Script, cache.Get(fetch: true).Source);
        Assert.Equal(Script, cache.Get(fetch: true).Source);
        Assert.Equal(Script, cache.Get(fetch: false).Source);
        Assert.Equal(1, packs);
        Assert.Equal([$"plotly-{PlotlyCache.Version}/plotly.min.js"], folder.Files("."));
    }

    [Fact]
    public void AnotherFileThanThePinnedOneIsNotUsed()
    {
        using var folder = new TestHost();
        var cache = new PlotlyCache(folder.Folder, Hash("another"), at => Pack(at, Script));
        PlotlyScript script = cache.Get(fetch: true);
        Assert.Null(script.Source);
        Assert.Contains("not the pinned file", script.Note);
        Assert.Empty(folder.Files("."));
    }

    [Fact]
    public void ADamagedCacheIsFetchedAgain()
    {
        using var folder = new TestHost();
        Directory.CreateDirectory(folder.File($"plotly-{PlotlyCache.Version}"));
        File.WriteAllText(folder.File($"plotly-{PlotlyCache.Version}", "plotly.min.js"), "half");
        Assert.Equal(Script, new PlotlyCache(folder.Folder, Hash(Script), at => Pack(at, Script)).Get(fetch: true).Source);
    }

    [Fact]
    public void WhateverGoesWrongTheFiguresAreStaticAndTheReasonIsGiven()
    {
        using var folder = new TestHost();
        Assert.Contains("npm is not on the PATH", new PlotlyCache(folder.Folder, _ => null).Get(fetch: true).Note);

        var failing = new PlotlyCache(folder.Folder, "", _ => throw new IOException("disk full"));
        Assert.Contains("disk full", failing.Get(fetch: true).Note);

        var garbage = new PlotlyCache(folder.Folder, "", at =>
        {
            string path = Path.Combine(at, "x.tgz");
            File.WriteAllText(path, "no archive");
            return path;
        });
        Assert.Null(garbage.Get(fetch: true).Source);
    }

    [Fact]
    public void TarballsAreReadByName()
    {
        using var folder = new TestHost();
        string path = Pack(folder.Folder, Script);
        using (FileStream tarball = File.OpenRead(path))
        {
            Assert.Equal("{}", Encoding.UTF8.GetString(Tarball.ReadFile(tarball, "package/package.json")));
        }

        using (FileStream tarball = File.OpenRead(path))
        {
            var error = Assert.Throws<InvalidDataException>(() => Tarball.ReadFile(tarball, "package/none"));
            Assert.Contains("package/none", error.Message);
        }

        byte[] whole = File.ReadAllBytes(path);
        Assert.Throws<InvalidDataException>(() => Tarball.ReadFile(new MemoryStream(whole[..(whole.Length / 2)]), "package/none"));
    }

    private static string Pack(string folder, string script)
    {
        string path = Path.Combine(folder, "package.tgz");
        using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        using var archive = new TarWriter(gzip);
        foreach ((string name, string text) in new[] { ("package/package.json", "{}"), ("package/plotly.min.js", script) })
        {
            archive.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
            });
        }

        return path;
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
