namespace Hesse
